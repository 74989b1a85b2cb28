"""Policies are plain values."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable

import kvsift
import numpy as np
import pytest

POLICY = kvsift.Policy(k=64, estimator="dot", grouping="group_max", sinks=4, window=16)


def test_value() -> None:
    assert dataclasses.replace(POLICY, k=128).k == 128
    assert kvsift.Policy(64, "dot", "group_max", 4, 16) == POLICY
    assert hash(POLICY) == hash(dataclasses.replace(POLICY))
    assert dataclasses.asdict(POLICY)["window"] == 16 and len(dataclasses.fields(POLICY)) == 5
    assert kvsift.Policy(64) != POLICY
    assert "estimator='dot'" in repr(POLICY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        POLICY.k = 1


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_select_alike(
    copied: Callable[[kvsift.Policy], kvsift.Policy], filled: kvsift.Store, query: np.ndarray
) -> None:
    other = copied(POLICY)
    assert other == POLICY
    expected = filled.select(3, query, [1], POLICY)
    assert (filled.select(3, query, [1], other).positions == expected.positions).all()
