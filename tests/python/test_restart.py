"""A server that goes away and comes back."""

from __future__ import annotations

from pathlib import Path

import kvsift
import numpy as np
import pytest
from kvsift.server import start_server
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=16)


def create_store(client: kvsift.Client) -> kvsift.Store:
    scales = np.ones((len(LAYERS), KV_HEADS), np.float32)
    return client.create_store("restart", LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM, 2, scales)


def test_restart(tmp_path: Path, rng: np.random.Generator, query: np.ndarray) -> None:
    """The state is gone and says so; with the keys sent again all is as before."""
    address = f"unix:{tmp_path / 'socket'}"
    keys = rng.standard_normal((len(LAYERS), 50, KV_HEADS, HEAD_DIM), np.float32)
    with start_server(address), kvsift.Client(address) as client:
        store = create_store(client)
        store.append(keys, [1], [0])
        before = store.select(LAYERS[0], query, [1], POLICY)
    with start_server(address), kvsift.Client(address) as client:
        with pytest.raises(kvsift.NotFoundError):
            client.get_store("restart")
        store = create_store(client)
        store.append(keys, [1], [0])
        after = store.select(LAYERS[0], query, [1], POLICY)
    assert after.server_incarnation != before.server_incarnation
    assert (after.positions == before.positions).all()


def test_one_client_over_a_restart(tmp_path: Path, query: np.ndarray) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    keys = np.ones((len(LAYERS), 5, KV_HEADS, HEAD_DIM), np.float32)
    with start_server(address) as server:
        client = kvsift.Client(address, timeout=30, attempts=1000)
        store = create_store(client)
        store.append(keys, [1], [0])
        server.stop()
        waiting = store.select_async(LAYERS[0], query, [1], POLICY)
        assert not waiting.done()
    with start_server(address), client:
        with pytest.raises(kvsift.NotFoundError):
            waiting.result()  # it was sent again, to a server that knows nothing
        store = create_store(client)
        assert store.append(keys, [1], [0]).lengths == (5,)
        assert store.select(LAYERS[0], query, [1], POLICY).counts.tolist() == [5] * QUERY_HEADS


def test_away(tmp_path: Path, query: np.ndarray) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    with start_server(address) as server:
        client = kvsift.Client(address, timeout=0.5)
        store = create_store(client)
        server.stop()
        with pytest.raises(kvsift.UnavailableError) as raised:
            store.list_sequences()
        assert raised.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        with pytest.raises(kvsift.UnavailableError):
            store.select_async(LAYERS[0], query, [1], POLICY).result()
        client.close()


def test_too_late(tmp_path: Path, query: np.ndarray) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    with start_server(address) as server:
        client = kvsift.Client(address, attempts=1000)
        store = create_store(client)
        server.stop()
        pending = store.select_async(LAYERS[0], query, [1], POLICY, timeout=1.0)
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            pending.result(timeout=0.01)
        with pytest.raises(RuntimeError, match="no running event loop"):
            pending.__await__().send(None)
        with pytest.raises(kvsift.UnavailableError) as raised:
            pending.result()
        assert raised.value.code == "DEADLINE_EXCEEDED"
        with pytest.raises(kvsift.UnavailableError):
            store.select(LAYERS[0], query, [1], POLICY, timeout=0)
        client.close()
