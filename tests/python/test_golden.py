"""The literal selections of the golden files, and the codes that both sides make of vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kvsift
import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CASES = [
    pytest.param(case, id=f"{name}-{number}")
    for name in ("select", "select-edges")
    for number, case in enumerate(json.loads((GOLDEN / f"{name}.json").read_text()))
]


def from_hex(text: str, dtype: Any) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), dtype)


def planes_of(case: dict) -> int:
    return 4 if case["estimator"] == "asymmetric_dot" else case["bits"]


def fill(new_store: Callable[..., kvsift.Store], case: dict) -> kvsift.Store:
    scales = from_hex(case["key_scales_hex"], np.float32).reshape(1, -1)
    store = new_store(
        layer_ids=[0],
        kv_heads=case["kv_heads"],
        query_heads=case["query_heads"],
        head_dim=case["head_dim"],
        key_bits=case["bits"],
        key_scales=scales,
    )
    keys = from_hex(case["keys"], np.uint32)
    store.append(keys.reshape(1, case["length"], case["kv_heads"], case["bits"], -1), [1], [0])
    return store


def select(store: kvsift.Store, case: dict, **options: Any) -> kvsift.Selection:
    tokens = len(case["visible"])
    queries = from_hex(case["queries"], np.int32)
    scales = None
    if case["estimator"] == "asymmetric_dot":
        scales = from_hex(case["query_scales_hex"], np.float32).reshape(tokens, -1)
    names = ("k", "estimator", "grouping", "sinks", "window")
    return store.select(
        0,
        queries.reshape(tokens, case["query_heads"], planes_of(case), -1),
        [1],
        kvsift.Policy(**{name: case[name] for name in names}),
        query_tokens=[tokens],
        visible_lengths=case["visible"],
        query_scales=scales,
        **options,
    )


@pytest.mark.parametrize("case", CASES)
def test_selection(new_store: Callable[..., kvsift.Store], case: dict) -> None:
    store = fill(new_store, case)
    expected = case["expect"]
    has_scores = "scores" in expected
    padded = select(store, case, scores=has_scores)
    assert padded.width == expected["width"]
    assert padded.counts.tolist() == expected["counts"]
    rows = zip(padded.positions, expected["positions"], strict=True)
    for row, (found, wanted) in enumerate(rows):
        listed = [position for position in wanted if position >= 0]
        assert found.tolist() == listed + [-1] * (padded.width - len(listed))
        assert padded.row(row).tolist() == listed
        if has_scores:
            assert padded.scores[row, : len(listed)].tolist() == expected["scores"][row]
    packed = select(store, case, layout="packed")
    assert np.diff(packed.offsets).tolist() == expected["counts"]
    assert packed.positions.tolist() == padded.positions[padded.positions >= 0].tolist()
