"""Calls that are awaited."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import kvsift
import numpy as np
import pytest
from store_shape import HEAD_DIM, KV_HEADS, LAYERS

POLICY = kvsift.Policy(k=16)


def test_many_at_once(filled: kvsift.Store, query: np.ndarray) -> None:
    expected = filled.select(LAYERS[0], query, [1], POLICY).positions

    async def run() -> list[kvsift.Selection]:
        pending = [filled.select_async(LAYERS[0], query, [1], POLICY) for _ in range(300)]
        return await asyncio.gather(*pending)

    for _ in range(2):  # in one loop, and in another
        assert all((s.positions == expected).all() for s in asyncio.run(run()))


def test_the_loop_goes_on(filled: kvsift.Store, query: np.ndarray) -> None:
    async def run() -> int:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(turn())
        for _ in range(50):
            assert (await filled.select_async(LAYERS[0], query, [1], POLICY)).ok
        task.cancel()
        return turns

    assert asyncio.run(run()) >= 50


def test_append(store: kvsift.Store) -> None:
    keys = np.ones((len(LAYERS), 3, KV_HEADS, HEAD_DIM), np.float32)

    async def run() -> kvsift.AppendResult:
        return await store.append_async(keys, [1], [0])

    assert asyncio.run(run()).lengths == (3,)


def test_errors(filled: kvsift.Store, query: np.ndarray) -> None:
    async def run() -> None:
        pending = filled.select_async(LAYERS[0], query, [9], POLICY)
        for _ in range(2):
            with pytest.raises(kvsift.BatchError):
                await pending

    asyncio.run(run())


def test_awaited_by_several(filled: kvsift.Store, query: np.ndarray) -> None:
    async def wait(pending: kvsift.Pending) -> kvsift.Selection:
        return await pending

    async def run() -> None:
        pending = filled.select_async(LAYERS[0], query, [1], POLICY)
        first, second = await asyncio.gather(wait(pending), wait(pending))
        assert first is second is await pending

    asyncio.run(run())


def test_cancelled(filled: kvsift.Store, query: np.ndarray) -> None:
    """A cancelled await gives up the answer, not the step."""
    keys = np.ones((1, KV_HEADS, HEAD_DIM), np.float32)

    async def wait(pending: kvsift.Pending) -> None:
        await pending

    async def run() -> None:
        for start in range(100, 120):
            pending = filled.step_async(LAYERS[0], keys, query, [1], [start], POLICY)
            task = asyncio.create_task(wait(pending))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or pending.done()
            assert (await pending).lengths.tolist() == [start + 1]

    asyncio.run(run())


def test_loop_that_ends_before_the_answer(filled: kvsift.Store, query: np.ndarray) -> None:
    loops = []

    async def leave() -> kvsift.Pending:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        pending = filled.select_async(LAYERS[0], query, [1], POLICY)
        task = asyncio.ensure_future(pending)
        await asyncio.sleep(0)
        task.cancel()
        return pending

    pending = [asyncio.run(leave()) for _ in range(50)]
    assert all(p.result(timeout=10).ok for p in pending)
    gc.collect()
    assert [loop for loop in loops if loop() is not None] == []


def test_loops_of_several_threads(filled: kvsift.Store, query: np.ndarray) -> None:
    failures: list[BaseException] = []

    async def work() -> None:
        for _ in range(20):
            await asyncio.gather(
                *(filled.select_async(LAYERS[0], query, [1], POLICY) for _ in range(5))
            )

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
