"""Servers, stores and sequences."""

from __future__ import annotations

from collections.abc import Callable

import kvsift
import numpy as np
import pytest
from kvsift.scales import Measurement
from kvsift.server import Server
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS


def test_server_info(client: kvsift.Client) -> None:
    info = client.get_server()
    assert info.version == kvsift.__version__
    assert info.devices[0].name == info.backend
    assert info.devices[0].sharing == "not_shared"
    assert info.devices[0].budget_bytes == 256 << 20
    assert info.limits.max_k > 0 and info.incarnation > 0


def test_store(client: kvsift.Client, new_store: Callable[..., kvsift.Store]) -> None:
    store = new_store()
    assert (store.layer_ids, store.kv_heads, store.query_heads) == (LAYERS, KV_HEADS, QUERY_HEADS)
    assert (store.head_dim, store.key_bits, store.device) == (HEAD_DIM, 2, 0)
    assert store.key_scales.tolist() == [[1, 1], [1, 1]]
    assert store.thresholds.shape == (2, 2, 3)
    assert store.fingerprint > 0 and store.page_positions == 64
    assert store.name in repr(store)
    again = client.create_store(
        store.name, LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM, key_scales=store.key_scales
    )
    assert again.fingerprint == client.get_store(store.name).fingerprint == store.fingerprint
    assert store.name in [listed.name for listed in client.list_stores()]
    with pytest.raises(kvsift.AlreadyExistsError) as raised:
        client.create_store(store.name, LAYERS, KV_HEADS, QUERY_HEADS, 32)
    assert raised.value.code == "ALREADY_EXISTS"


def test_refresh(store: kvsift.Store) -> None:
    keys = np.ones((len(LAYERS), 1, KV_HEADS, HEAD_DIM), np.float32)
    store.append(keys, [1], [0])
    assert store.sequence_count == 0
    store.refresh()
    assert (store.sequence_count, store.resident_bytes) == (1, store.page_bytes)


def test_delete(client: kvsift.Client) -> None:
    client.create_store("doomed", [0], 1, 1, 32)
    store = client.get_store("doomed")
    assert store.key_scales is None and store.thresholds is None
    client.delete_store("doomed")
    with pytest.raises(kvsift.NotFoundError) as raised:
        client.delete_store("doomed")
    error = raised.value
    assert (error.code, error.field, error.value) == ("NOT_FOUND", "name", "doomed")
    assert str(error) == f"NOT_FOUND: {error.message}"
    with pytest.raises(kvsift.NotFoundError):
        store.refresh()
    with pytest.raises(LookupError):
        store.append(np.zeros((1, 1, 1, 2, 1), np.uint32), [1], [0])


def test_error_details(client: kvsift.Client) -> None:
    with pytest.raises(kvsift.InvalidArgumentError) as raised:
        client.create_store("wrong", [0], 3, 10, 64)
    error = raised.value
    assert isinstance(error, ValueError) and isinstance(error, kvsift.Error)
    assert (error.field, error.value) == ("config.query_heads", "10")
    assert error.limit.startswith("a multiple of kv_heads = 3")


def test_scales_of_other_layers(new_store: Callable[..., kvsift.Store]) -> None:
    """KeyScales of a whole model give a store those of its layers."""
    scales = kvsift.KeyScales(
        model="a/model",
        layer_ids=(2, 3, 4, 5),
        kv_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        scales=np.arange(1, 9, dtype=np.float32).reshape(4, 2),
        measured_on=Measurement("a book", "00" * 32, 4096, "float32"),
    )
    store = new_store(key_scales=scales)
    assert store.key_scales.tolist() == [[3, 4], [7, 8]]
    with pytest.raises(kvsift.KeyScalesError, match="layer_ids: 6, must be one of the measured"):
        new_store(key_scales=scales, layer_ids=[5, 6])
    with pytest.raises(kvsift.KeyScalesError, match="head_dim: 32, must be 64, as of a/model"):
        new_store(key_scales=scales, head_dim=32)


def test_calibrate(client: kvsift.Client, rng: np.random.Generator) -> None:
    keys = rng.standard_normal((3, 500, 2, 64), np.float32) * np.float32(2)
    scales = client.calibrate(keys)
    assert (scales.shape, scales.dtype) == ((3, 2), np.float32)
    assert np.abs(scales - 2).max() < 0.1
    assert (client.calibrate(keys.astype(np.float16)) == scales).mean() < 1  # rounded keys
    scales[0, 0] = 1  # it is the caller's


def test_sequences(filled: kvsift.Store, query: np.ndarray) -> None:
    child = filled.fork(1, 2, 60)
    assert (child.id, child.lengths) == (2, {3: 60, 5: 60})
    with pytest.raises(kvsift.AlreadyExistsError):
        filled.fork(1, 2, 10)
    cut = filled.truncate(2, 10, expected_epoch=child.epoch)
    assert cut.lengths == {3: 10, 5: 10} and cut.epoch != child.epoch
    with pytest.raises(kvsift.AbortedError) as raised:
        filled.truncate(2, 5, expected_epoch=child.epoch)
    assert raised.value.code == "ABORTED"
    assert [s.id for s in filled.list_sequences()] == [1, 2]
    policy = kvsift.Policy(k=16)
    with pytest.raises(kvsift.BatchError) as stale:
        filled.select(LAYERS[0], query, [2], policy, expected_epochs=[child.epoch])
    assert (stale.value.code, stale.value.errors[0].epoch) == ("ABORTED", cut.epoch)
    assert filled.select(LAYERS[0], query, [2], policy, expected_epochs=[None]).ok
    filled.release(2, expected_epoch=cut.epoch)
    with pytest.raises(kvsift.NotFoundError):
        filled.get_sequence(2)
    with pytest.raises(kvsift.NotFoundError):
        filled.release(2)


def test_large_identifiers(filled: kvsift.Store) -> None:
    assert filled.fork(1, 2**64 - 1, 1).id == 2**64 - 1
    assert filled.get_sequence(np.uint64(2**64 - 1)).lengths == {3: 1, 5: 1}


def test_closed_client(server: Server, query: np.ndarray) -> None:
    with kvsift.Client(server.address) as client:
        store = client.create_store("closing", LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM)
        client.delete_store("closing")
    client.close()  # again
    assert "closed" in repr(client)
    keys = np.zeros((len(LAYERS), 1, KV_HEADS, 2, 2), np.uint32)
    for call in (
        client.get_server,
        client.list_stores,
        store.list_sequences,
        lambda: store.append(keys, [1], [0]),
        lambda: store.append_async(keys, [1], [0]),
        lambda: store.select(LAYERS[0], query, [1], kvsift.Policy(k=1)),
        lambda: store.select_async(LAYERS[0], query, [1], kvsift.Policy(k=1)),
    ):
        with pytest.raises(RuntimeError, match="the client is closed"):
            call()
