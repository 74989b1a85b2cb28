"""Calls under way: waited for, dropped, watched by callbacks."""

from __future__ import annotations

import gc
import logging
import threading
import time

import kvsift
import numpy as np
import pytest
from kvsift.server import Server
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=16)


def test_result(filled: kvsift.Store, query: np.ndarray) -> None:
    expected = filled.select(LAYERS[0], query, [1], POLICY).positions
    pending = filled.select_async(LAYERS[0], query, [1], POLICY)
    assert isinstance(pending, kvsift.Pending)
    selection = pending.result(timeout=10)
    assert pending.done() and pending.result() is selection
    assert (selection.positions == expected).all()


def test_arrays_may_change_once_the_call_returns(filled: kvsift.Store, query: np.ndarray) -> None:
    expected = filled.select(LAYERS[0], query, [1], POLICY).positions
    pending = [filled.select_async(LAYERS[0], query.copy(), [1], POLICY) for _ in range(50)]
    changing = query.copy()
    pending.append(filled.select_async(LAYERS[0], changing, [1], POLICY))
    changing[:] = 0
    assert all((p.result().positions == expected).all() for p in pending)


def test_steps_of_one_sequence_run_in_order(store: kvsift.Store, rng: np.random.Generator) -> None:
    keys = rng.standard_normal((300, 1, KV_HEADS, HEAD_DIM), np.float32)
    queries = np.ones((1, QUERY_HEADS, HEAD_DIM), np.float32)
    pending = [
        store.step_async(LAYERS[0], keys[n], queries, [1], [n], POLICY) for n in range(len(keys))
    ]
    assert [p.result().lengths.tolist() for p in pending] == [[n + 1] for n in range(len(keys))]


def test_out_is_written_by_who_takes_the_result(filled: kvsift.Store, query: np.ndarray) -> None:
    out = np.full((QUERY_HEADS, 16), 99, np.int32)
    pending = filled.select_async(LAYERS[0], query, [1], POLICY, out=out)
    filled.select(LAYERS[0], query, [1], POLICY)
    assert (out == 99).all()
    assert pending.result().positions is out
    assert (out == filled.select(LAYERS[0], query, [1], POLICY).positions).all()


def test_errors_are_raised_each_time(filled: kvsift.Store, query: np.ndarray) -> None:
    pending = filled.select_async(LAYERS[0], query, [9], POLICY)
    for _ in range(2):
        with pytest.raises(kvsift.BatchError):
            pending.result()
    assert filled.select_async(LAYERS[0], query, [9], POLICY, check=False).result().errors
    refused = filled.select_async(LAYERS[0], query, [1], kvsift.Policy(k=2**30))
    for _ in range(2):
        with pytest.raises(kvsift.InvalidArgumentError, match=r"policies\[0\]\.k"):
            refused.result()


def test_too_many(server: Server, query: np.ndarray, filled: kvsift.Store) -> None:
    with kvsift.Client(server.address, max_steps_in_flight=2) as narrow:
        store = narrow.get_store(filled.name)
        pending = [store.select_async(LAYERS[0], query, [1], POLICY) for _ in range(200)]
        codes = set()
        for one in pending:
            try:
                one.result()
            except kvsift.ResourceExhaustedError as error:
                codes.add(error.code)
        assert codes == {"RESOURCE_EXHAUSTED"}
        assert store.select(LAYERS[0], query, [1], POLICY).ok


def test_dropped(filled: kvsift.Store, query: np.ndarray) -> None:
    """What nobody waits for ends by itself; what it appends is appended."""
    keys = np.ones((1, KV_HEADS, HEAD_DIM), np.float32)
    for _ in range(100):
        filled.select_async(LAYERS[0], query, [1], POLICY, out=np.zeros((QUERY_HEADS, 16), "i4"))
    filled.step_async(LAYERS[0], keys, query, [1], [100], POLICY)
    gc.collect()
    assert filled.select(LAYERS[0], query, [1], POLICY).lengths.tolist() == [101]


def test_callback(filled: kvsift.Store, query: np.ndarray) -> None:
    called = threading.Event()
    seen: list[tuple[kvsift.Pending, str]] = []

    def note(pending: kvsift.Pending) -> None:
        seen.append((pending, threading.current_thread().name))
        called.set()

    pending = filled.select_async(LAYERS[0], query, [1], POLICY)
    pending.add_done_callback(note)
    assert called.wait(10)
    assert seen[0][0] is pending and pending.done()
    pending.add_done_callback(note)  # at once, here
    assert seen[1] == (pending, threading.current_thread().name)


def test_every_callback_is_called(filled: kvsift.Store, query: np.ndarray) -> None:
    counted = threading.Semaphore(0)
    for _ in range(500):
        pending = filled.select_async(LAYERS[0], query, [1], POLICY)
        pending.add_done_callback(lambda _: counted.release())
    assert all(counted.acquire(timeout=10) for _ in range(500))


def test_callback_of_an_append(store: kvsift.Store) -> None:
    keys = np.ones((len(LAYERS), 3, KV_HEADS, HEAD_DIM), np.float32)
    called = threading.Event()
    store.append_async(keys, [1], [0]).add_done_callback(lambda _: called.set())
    assert called.wait(10)


def test_failing_callback_is_logged(
    filled: kvsift.Store, query: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: kvsift.Pending) -> None:
        raise KeyError("lost")

    called = threading.Event()
    with caplog.at_level(logging.ERROR, "kvsift"):
        for function in (fail, lambda _: called.set()):
            filled.select_async(LAYERS[0], query, [1], POLICY).add_done_callback(function)
        assert called.wait(10)
        for _ in range(100):
            if "lost" in caplog.text:
                break
            time.sleep(0.05)
    assert "a callback of a pending call failed" in caplog.text and "lost" in caplog.text


def test_closing_waits_for_steps(server: Server, filled: kvsift.Store, query: np.ndarray) -> None:
    client = kvsift.Client(server.address)
    store = client.get_store(filled.name)
    pending = [store.select_async(LAYERS[0], query, [1], POLICY) for _ in range(100)]
    client.close()
    assert all(p.done() and p.result().ok for p in pending)


def test_dropping_a_client_under_work(
    server: Server, filled: kvsift.Store, query: np.ndarray
) -> None:
    store = kvsift.Client(server.address).get_store(filled.name)
    pending = [store.select_async(LAYERS[0], query, [1], POLICY) for _ in range(100)]
    del store
    gc.collect()
    assert all(p.result().ok for p in pending)
