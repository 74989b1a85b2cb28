"""Appends: waiting, streamed, in order and with errors to resume from."""

from __future__ import annotations

from collections.abc import Callable

import kvsift
import numpy as np
import pytest
from kvsift.server import Server
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS


@pytest.fixture
def keys(rng: np.random.Generator) -> np.ndarray:
    """Keys [layers, 200, kv_heads, head_dim]."""
    return rng.standard_normal((len(LAYERS), 200, KV_HEADS, HEAD_DIM), np.float32)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("encode", ["client", "server"])
def test_batch(store: kvsift.Store, keys: np.ndarray, encode: str, stream: bool) -> None:
    head = np.ascontiguousarray(keys[:, :150])
    result = store.append(keys, [1, 2], [0, 0], counts=[150, 50], encode=encode, stream=stream)
    assert result.lengths == (150, 50) and result.errors == ()
    assert result.epochs == tuple(store.get_sequence(id).epoch for id in (1, 2))
    # The same again changes nothing; one layer may go ahead.
    again = store.append(head, [1], [0])
    assert again.epochs == result.epochs[:1]
    ahead = store.append(keys[1:, 150:], [1], [150], layer_ids=[LAYERS[1]])
    assert ahead.lengths == (200,)
    assert store.get_sequence(1).lengths == {3: 150, 5: 200}


def test_many_messages(server: Server, keys: np.ndarray) -> None:
    with kvsift.Client(server.address, append_chunk_bytes=1024, channels=2) as client:
        ones = np.ones((len(LAYERS), KV_HEADS), np.float32)
        store = client.create_store("cut", LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM, 2, ones)
        assert store.append(keys, [1], [0], stream=True).lengths == (200,)
        client.delete_store("cut")


def test_conflict(store: kvsift.Store, keys: np.ndarray) -> None:
    store.append(keys, [1], [0])
    with pytest.raises(kvsift.BatchError) as gap:
        store.append(keys, [1], [300])
    assert gap.value.code == "FAILED_PRECONDITION"
    assert (gap.value.errors[0].length, gap.value.result.lengths) == (200, (200,))
    with pytest.raises(kvsift.BatchError):
        store.append(-keys, [1], [0])
    assert store.append(-keys, [1], [0], check=False).errors[0].code == "FAILED_PRECONDITION"
    replaced = store.append(
        np.negative(keys[:, 100:], order="C"), [1], [100], on_conflict="replace_tail"
    )
    assert replaced.lengths == (200,)
    with pytest.raises(kvsift.BatchError) as exists:
        store.append(keys, [1], [0], expected_epochs=[0])
    assert exists.value.code == "ABORTED"


def test_codes_only(new_store: Callable[..., kvsift.Store], keys: np.ndarray) -> None:
    store = new_store(key_scales=None)
    with pytest.raises(kvsift.FailedPreconditionError, match="no key scales"):
        store.append(keys, [1], [0])
    codes = np.zeros((len(LAYERS), 7, KV_HEADS, 2, 2), np.int32)
    assert store.append(codes, [1], [0]).lengths == (7,)


def test_bad_key_is_named_and_its_neighbour_appended(store: kvsift.Store, keys: np.ndarray) -> None:
    keys[0, 0, 0, 0] = np.nan
    with pytest.raises(kvsift.BatchError) as raised:
        store.append(keys, [1, 2], [0, 0], counts=[100, 100])
    assert [(e.entry, e.code) for e in raised.value.errors] == [(0, "INVALID_ARGUMENT")]
    assert [s.id for s in store.list_sequences()] == [2]


def test_asynchronous_appends_run_in_order(store: kvsift.Store, keys: np.ndarray) -> None:
    chunks = [np.ascontiguousarray(keys[:, start : start + 10]) for start in range(0, 200, 10)]
    pending = [store.append_async(chunk, [1], [10 * n]) for n, chunk in enumerate(chunks)]
    assert pending[-1].result(timeout=20).lengths == (200,)
    assert all(p.done() and p.result().lengths == (10 * n,) for n, p in enumerate(pending, 1))


def test_asynchronous_trouble(store: kvsift.Store, keys: np.ndarray) -> None:
    pending = store.append_async(keys, [1], [5])
    with pytest.raises(kvsift.BatchError):
        pending.result()
    assert store.append_async(keys, [1], [5], check=False).result().errors[0].length == 0


def test_close_waits_for_appends(server: Server, keys: np.ndarray) -> None:
    client = kvsift.Client(server.address)
    ones = np.ones((len(LAYERS), KV_HEADS), np.float32)
    store = client.create_store("late", LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM, 2, ones)
    chunks = [np.ascontiguousarray(keys[:, n : n + 1]) for n in range(200)]
    pending = [store.append_async(chunk, [1], [n]) for n, chunk in enumerate(chunks)]
    client.close()
    assert all(p.done() for p in pending) and pending[-1].result().lengths == (200,)
    with kvsift.Client(server.address) as other:
        other.delete_store("late")
