"""One client, many threads, none of which holds the others up."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kvsift
import numpy as np
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=16)


def test_threads_do_not_mix_answers(store: kvsift.Store, rng: np.random.Generator) -> None:
    keys = rng.standard_normal((8, 40, 1, KV_HEADS, HEAD_DIM), np.float32)
    query = rng.standard_normal((1, QUERY_HEADS, HEAD_DIM), np.float32)

    def decode(sequence: int) -> list[list[int]]:
        out = np.empty((QUERY_HEADS, 16), np.int32)
        lists = []
        for start in range(40):
            step = store.step(
                LAYERS[0], keys[sequence][start], query, [sequence], [start], POLICY, out=out
            )
            assert step.lengths.tolist() == [start + 1]
            lists.append(out.tolist())
        return lists

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, range(8)))
    for sequence in range(8):
        store.release(sequence)
    assert together == [decode(sequence) for sequence in range(8)]


def test_threads_that_wait_for_the_same_answer(filled: kvsift.Store) -> None:
    queries = np.ones((1, QUERY_HEADS, HEAD_DIM), np.float32)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            pending = filled.select_async(LAYERS[0], queries, [1], POLICY)
            taken = [pool.submit(pending.result) for _ in range(8)]
            first = taken[0].result()
            assert first.positions.shape == (QUERY_HEADS, 16)
            assert all(one.result() is first for one in taken)


def test_waiting_leaves_the_interpreter_to_others(tmp_path: Path) -> None:
    """While one thread waits for a server that says nothing, another counts."""
    address = tmp_path / "silent"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen()
        failed = threading.Event()

        def connect() -> None:
            try:
                kvsift.Client(f"unix:{address}", timeout=1.0)
            except kvsift.UnavailableError:
                failed.set()

        thread = threading.Thread(target=connect)
        thread.start()
        turns = 0
        while thread.is_alive():
            turns += 1
            thread.join(0.001)
        assert failed.is_set() and turns > 10
