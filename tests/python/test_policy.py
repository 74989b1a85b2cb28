"""Policies are plain values."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

import kvsift

POLICY = kvsift.Policy(k=64, estimator="dot", grouping="group_max", sinks=4, window=16)


def test_value() -> None:
    assert dataclasses.replace(POLICY, k=128).k == 128
    assert POLICY == kvsift.Policy(64, "dot", "group_max", 4, 16)
    assert hash(POLICY) == hash(dataclasses.replace(POLICY))
    assert POLICY != kvsift.Policy(64)
    assert "estimator='dot'" in repr(POLICY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        POLICY.k = 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies_select_alike(copied, filled: kvsift.Store, query) -> None:
    other = copied(POLICY)
    assert other == POLICY
    expected = filled.select(3, query, [1], POLICY)
    assert (filled.select(3, query, [1], other).positions == expected.positions).all()
