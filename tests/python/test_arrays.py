"""Whatever array holds the same numbers gives the same answer, and is read where it lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kvsift
import numpy as np
import pytest
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=16)


class DlpackOnly:
    """An array that has nothing but DLPack."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__()


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


def unaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    raw[:] = array.reshape(-1).view(np.uint8)
    return raw.view(array.dtype).reshape(array.shape)


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "memoryview": memoryview,
    "DLPack alone": DlpackOnly,
    "read-only": read_only,
    "unaligned": unaligned,
    "with other strides of axes of one": lambda array: array[:, None][:, 0],
}


def keys_and_queries(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    keys = rng.standard_normal((len(LAYERS), 80, KV_HEADS, HEAD_DIM), np.float32)
    return keys, rng.standard_normal((1, QUERY_HEADS, HEAD_DIM), np.float32)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_form(store: kvsift.Store, rng: np.random.Generator, form: Callable[..., Any]) -> None:
    keys, queries = keys_and_queries(rng)
    store.append(keys, [1], [0])
    store.append(form(keys), [2], [0])
    expected = store.select(LAYERS[0], queries, [1], POLICY)
    found = store.select(LAYERS[0], form(queries), [2], POLICY)
    assert (found.positions == expected.positions).all()


@pytest.mark.parametrize("encode", ["client", "server"])
def test_float16(store: kvsift.Store, rng: np.random.Generator, encode: str) -> None:
    keys, queries = (array.astype(np.float16) for array in keys_and_queries(rng))
    store.append(keys, [1], [0], encode=encode)
    store.append(keys.astype(np.float32), [2], [0])
    found = store.select(LAYERS[0], queries, [1], POLICY, encode=encode)
    expected = store.select(LAYERS[0], queries.astype(np.float32), [2], POLICY)
    assert (found.positions == expected.positions).all()


@pytest.mark.parametrize("encode", ["client", "server"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_torch(store: kvsift.Store, rng: np.random.Generator, dtype: str, encode: str) -> None:
    torch = pytest.importorskip("torch")
    keys, queries = (torch.from_numpy(a).to(getattr(torch, dtype)) for a in keys_and_queries(rng))
    store.append(keys, [1], [0], encode=encode)
    store.append(keys.float().numpy(), [2], [0])
    found = store.select(LAYERS[0], queries, [1], POLICY, encode=encode)
    expected = store.select(LAYERS[0], queries.float().numpy(), [2], POLICY)
    assert (found.positions == expected.positions).all()


def test_torch_refusals(store: kvsift.Store) -> None:
    torch = pytest.importorskip("torch")
    keys = torch.zeros(1, KV_HEADS, HEAD_DIM)
    queries = torch.zeros(1, QUERY_HEADS, HEAD_DIM)
    for bad, error, message in [
        (queries.to("meta"), TypeError, "queries: torch.Tensor of torch.float32, expected"),
        (torch.zeros(1, HEAD_DIM, QUERY_HEADS).mT, ValueError, r"not contiguous.*\.contiguous"),
        (queries.to(torch.float64), TypeError, "queries: float64"),
        (queries.to(torch.float8_e4m3fn), TypeError, "queries: "),
    ]:
        with pytest.raises(error, match=message):
            store.step(LAYERS[0], keys, bad, [1], [0], POLICY)


def test_torch_gradients_are_ignored(filled: kvsift.Store, query: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    found = filled.select(LAYERS[0], torch.from_numpy(query).requires_grad_(), [1], POLICY)
    expected = filled.select(LAYERS[0], query, [1], POLICY)
    assert (found.positions == expected.positions).all()


def test_torch_out(filled: kvsift.Store, query: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    out = torch.zeros(1, QUERY_HEADS, 16, dtype=torch.int32)
    selection = filled.select(LAYERS[0], query, [1], POLICY, out=out)
    assert selection.positions is out
    expected = filled.select(LAYERS[0], query, [1], POLICY)
    assert out[0].tolist() == expected.positions.tolist()
    assert torch.from_numpy(expected.positions).data_ptr() == expected.positions.ctypes.data


def test_nothing_is_copied(filled: kvsift.Store, query: np.ndarray) -> None:
    """A gigabyte of zero pages that nobody wrote to is refused, for its size, without a copy."""
    resource = pytest.importorskip("resource")
    huge = np.zeros((1 << 20, QUERY_HEADS, HEAD_DIM), np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="queries: shape"):
        filled.select(LAYERS[0], huge, [1], POLICY)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < huge.nbytes / 1024 / 4


def test_numbers_in_any_form(filled: kvsift.Store, query: np.ndarray) -> None:
    expected = filled.select(LAYERS[0], query, [1], POLICY, visible_lengths=[50]).positions
    for ids in (np.array([1], np.uint64), np.array([1], np.int32), (1,), range(1, 2), [np.int8(1)]):
        for lengths in (np.array([50]), [np.int64(50)], (50,)):
            found = filled.select(LAYERS[0], query, ids, POLICY, visible_lengths=lengths)
            assert (found.positions == expected).all()
