"""Arguments of a wrong type, shape or place: refused before anything is sent, saying what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kvsift
import numpy as np
import pytest
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=8)


def keys_of(tokens: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros((tokens, KV_HEADS, HEAD_DIM), dtype)


def queries_of(tokens: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros((tokens, QUERY_HEADS, HEAD_DIM), dtype)


class OnGpu:
    """An array on a CUDA device, as DLPack sees it."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __dlpack__(self, **_: object) -> object:
        raise BufferError("needs a stream")


class Scattered:
    """A sequence that breaks while it is read."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise OSError("unreadable")


STEPS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("a list", {"keys": [[0.0]]}, TypeError, "keys: list.*expected a numpy array"),
    ("None as keys", {"keys": None}, TypeError, "keys: None"),
    ("None as queries", {"queries": None}, TypeError, "queries: None"),
    ("on a GPU", {"keys": OnGpu()}, TypeError, r"keys: lies on another device.*\.cpu\(\)"),
    ("queries on a GPU", {"queries": OnGpu()}, TypeError, "queries: lies on another device"),
    ("float64", {"keys": keys_of(1, np.float64)}, TypeError, "keys: float64, expected.*float16"),
    ("int64", {"queries": queries_of(1, np.int64)}, TypeError, "queries: int64, expected"),
    ("objects", {"keys": np.zeros(2, object)}, TypeError, "keys: .*ndarray of object"),
    ("strided", {"keys": keys_of(2)[::2]}, None, ""),  # one token of two is contiguous
    (
        "transposed",
        {"keys": np.zeros((HEAD_DIM, KV_HEADS, 1), np.float32).T},
        ValueError,
        r"keys: not contiguous.*\.contiguous\(\) or np\.ascontiguousarray",
    ),
    ("every second", {"queries": queries_of(1)[:, :, ::-1]}, ValueError, "queries: not contiguous"),
    (
        "no tokens axis",
        {"keys": keys_of(1)[0]},
        ValueError,
        r"shape \[2, 64\], expected \[tokens 1",
    ),
    (
        "heads and dims swapped",
        {"queries": np.zeros((1, HEAD_DIM, QUERY_HEADS), np.float32)},
        ValueError,
        r"queries: shape \[1, 64, 4\], expected \[tokens 1, query_heads 4, head_dim 64\]",
    ),
    ("two tokens for one", {"keys": keys_of(2)}, ValueError, "keys: shape"),
    (
        "codes as one word",
        {"keys": np.zeros((1, 2, 4), np.uint32)},
        ValueError,
        "planes 2, words 2",
    ),
    ("no such layer", {"layer_id": 4}, kvsift.NotFoundError, "no layer 4"),
    ("layer as text", {"layer_id": "3"}, TypeError, "layer_id: str, expected an int"),
    ("a float id", {"sequence_ids": [1.0]}, TypeError, r"sequence_ids\[0\]: float"),
    ("a negative id", {"sequence_ids": [-1]}, ValueError, r"sequence_ids\[0\]: -1"),
    ("a large id", {"sequence_ids": [2**64]}, ValueError, r"sequence_ids\[0\]: 1844674"),
    ("one id", {"sequence_ids": 1}, TypeError, "sequence_ids: int, expected a sequence"),
    ("unreadable ids", {"sequence_ids": Scattered()}, OSError, "unreadable"),
    ("no start", {"starts": []}, ValueError, "starts: 0 elements, expected 1"),
    ("None as starts", {"starts": None}, TypeError, "starts: None"),
    ("a negative count", {"key_counts": [-1]}, ValueError, r"key_counts\[0\]: -1"),
    ("a huge count", {"key_counts": [2**40]}, ValueError, r"key_counts\[0\]: 10995"),
    ("negative tokens", {"query_tokens": [-1]}, ValueError, r"query_tokens\[0\]: -1"),
    ("three lengths", {"visible_lengths": [1, 2, 3]}, ValueError, "visible_lengths: 3 elements"),
    ("a text as policy", {"policy": "asymmetric_dot"}, TypeError, "policy: str, expected"),
    ("None as policy", {"policy": None}, TypeError, "policy: NoneType"),
    ("policies, no index", {"policy": [POLICY, POLICY]}, ValueError, "policy_index: None"),
    ("an index beyond", {"policy_index": [1]}, ValueError, r"policy_index\[0\]: 1, expected"),
    ("encode", {"encode": "gpu"}, ValueError, 'encode: "gpu", expected "client" or "server"'),
    ("encode as int", {"encode": 1}, TypeError, "encode: int, expected a str"),
    ("conflict rule", {"on_conflict": "merge"}, ValueError, 'on_conflict: "merge"'),
    ("layout", {"layout": "ragged"}, ValueError, 'layout: "ragged", expected "padded"'),
    ("scores as int", {"scores": 1}, TypeError, "scores: int, expected a bool"),
    ("timeout as text", {"timeout": "1"}, TypeError, "timeout: str, expected seconds"),
    ("timeout below zero", {"timeout": -1.0}, ValueError, "timeout: -1"),
    ("timeout no number", {"timeout": float("nan")}, ValueError, "timeout: nan"),
    ("scales of float64", {"query_scales": np.ones((1, 4))}, TypeError, "query_scales: float64"),
    (
        "scales of a head",
        {"query_scales": np.ones((1, 1), "f4")},
        ValueError,
        "query_scales: shape",
    ),
    ("out of int64", {"out": np.zeros((4, 8), np.int64)}, TypeError, "out: int64, expected int32"),
    ("a narrow out", {"out": np.zeros((4, 7), "i4")}, ValueError, "out: 28 elements in rows of 7"),
    ("a short out", {"out": np.zeros((3, 8), "i4")}, ValueError, "out: 24 elements"),
    ("a strided out", {"out": np.zeros((4, 16), "i4")[:, ::2]}, ValueError, "out: not contiguous"),
    ("out on a GPU", {"out": OnGpu()}, TypeError, "out: lies on another device"),
    ("out as list", {"out": [0] * 32}, TypeError, "out: list"),
]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["step", "step_async"])
@pytest.mark.parametrize(
    ("change", "error", "message"), [s[1:] for s in STEPS], ids=[s[0] for s in STEPS]
)
def test_step(
    store: kvsift.Store, asynchronous: bool, change: dict, error: Any, message: str
) -> None:
    arguments = {
        "layer_id": LAYERS[0],
        "keys": keys_of(1),
        "queries": queries_of(1),
        "sequence_ids": [1],
        "starts": [0],
        "policy": POLICY,
        **change,
    }
    call: Callable[..., Any] = store.step
    if asynchronous:
        call = lambda **given: store.step_async(**given).result()  # noqa: E731
    if error is None:
        assert call(**arguments).ok
        return
    with pytest.raises(error, match=message):
        call(**arguments)
    assert store.list_sequences() == []


def test_out_that_cannot_be_written(filled: kvsift.Store, query: np.ndarray) -> None:
    out = np.zeros((QUERY_HEADS, 8), np.int32)
    out.setflags(write=False)
    with pytest.raises(ValueError, match="out: read-only"):
        filled.select(LAYERS[0], query, [1], POLICY, out=out)


def test_append(store: kvsift.Store) -> None:
    keys = np.zeros((len(LAYERS), 4, KV_HEADS, HEAD_DIM), np.float16)
    with pytest.raises(ValueError, match=r"keys: shape \[2, 4, 2, 64\], expected \[layers 1, tok"):
        store.append(keys, [1], [0], layer_ids=[3])
    with pytest.raises(ValueError, match=r"expected .*tokens 2, kv_heads 2"):
        store.append(keys, [1, 2], [0, 0])  # one token each is meant where counts are not given
    with pytest.raises(ValueError, match="counts: 1 elements, expected 2"):
        store.append(keys, [1, 2], [0, 0], counts=[4])
    with pytest.raises(kvsift.NotFoundError, match="no layer 4"):
        store.append(keys, [1], [0], layer_ids=[3, 4])
    with pytest.raises(TypeError, match="keys: None"):
        store.append_async(None, [1], [0])
    with pytest.raises(ValueError, match=r"expected_epochs\[0\]: -1"):
        store.append(keys, [1], [0], expected_epochs=[-1])
    with pytest.raises(kvsift.InvalidArgumentError, match=r"start: -1, expected 0"):
        store.append(keys, [1], [-1])
    assert store.list_sequences() == []


def test_sequences(filled: kvsift.Store) -> None:
    with pytest.raises(TypeError, match="id: str, expected an int"):
        filled.get_sequence("1")
    with pytest.raises(ValueError, match="id: -1, expected 0 to"):
        filled.release(-1)
    with pytest.raises(TypeError, match="length: float"):
        filled.truncate(1, 10.0)
    with pytest.raises(kvsift.InvalidArgumentError, match="length"):
        filled.truncate(1, -1)
    with pytest.raises(ValueError, match="child: 1844"):
        filled.fork(1, 2**64, 10)
    assert [sequence.lengths for sequence in filled.list_sequences()] == [{3: 100, 5: 100}]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"layer_ids": ["3"]}, TypeError, r"layer_ids\[0\]: str"),
        ({"layer_ids": [5, 3]}, kvsift.InvalidArgumentError, "layer_ids"),
        ({"layer_ids": []}, kvsift.InvalidArgumentError, "layer_ids"),
        ({"kv_heads": 2.0, "key_scales": None}, TypeError, "kv_heads: float"),
        ({"query_heads": 3}, kvsift.InvalidArgumentError, "query_heads: 3, expected a multiple"),
        ({"head_dim": 257}, kvsift.InvalidArgumentError, "head_dim: 257"),
        ({"key_bits": 4}, kvsift.InvalidArgumentError, "key_bits: 4"),
        ({"key_scales": np.ones((2, 2))}, TypeError, "key_scales: float64, expected float32"),
        ({"key_scales": np.ones((2, 1), "f4")}, ValueError, "key_scales: shape"),
        ({"key_scales": np.zeros((2, 2), "f4")}, kvsift.InvalidArgumentError, "key_scales"),
        ({"device": 9}, kvsift.InvalidArgumentError, "device: 9"),
    ],
)
def test_create_store(
    new_store: Callable[..., Any], change: dict, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        new_store(**change)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        (np.ones((2, 4, 64), np.float32), ValueError, r"expected an array \[layers, tokens"),
        (np.ones((1, 2, 4, 64)), TypeError, "keys: float64"),
        (np.ones((1, 2, 4, 64), np.uint32), TypeError, "keys: uint32, expected float16"),
        (None, TypeError, "keys: None"),
        (np.zeros((1, 2, 4, 64), np.float32), kvsift.InvalidArgumentError, "keys"),
        (np.full((1, 2, 4, 64), np.nan, np.float32), kvsift.InvalidArgumentError, "keys"),
    ],
)
def test_calibrate(client: kvsift.Client, keys: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        client.calibrate(keys)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"k": 0}, ValueError, "k"),
        ({"k": 2**31}, ValueError, "k: 2147483648"),
        ({"k": 8.0}, TypeError, "k: float"),
        ({"k": 8, "estimator": "l1"}, ValueError, 'estimator: "l1", expected "manhattan"'),
        ({"k": 8, "grouping": "all"}, ValueError, 'grouping: "all", expected "head"'),
        ({"k": 8, "estimator": None}, TypeError, "estimator: NoneType"),
        ({"k": 8, "sinks": -1}, ValueError, "sinks: -1"),
        ({"k": 8, "sinks": 4, "window": 5}, ValueError, "sinks"),
    ],
)
def test_policy(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        kvsift.Policy(**fields)


@pytest.mark.parametrize(
    ("address", "options", "error"),
    [
        ("nowhere", {}, kvsift.InvalidArgumentError),
        ("127.0.0.1:1", {}, kvsift.UnavailableError),
        ("unix:/nonexistent/socket", {}, kvsift.UnavailableError),
        ("127.0.0.1:1", {"timeout": -1}, ValueError),
        ("127.0.0.1:1", {"timeout": "soon"}, TypeError),
        ("127.0.0.1:1", {"channels": 1.5}, TypeError),
        (7600, {}, TypeError),
    ],
)
def test_connect(address: Any, options: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        kvsift.Client(address, **options)
