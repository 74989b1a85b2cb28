"""Columns and positions."""

from __future__ import annotations

import torch
from kvsift.transformers.columns import Columns

# Row 0: two columns of padding on the left. Row 1: none. Row 2: a hole, as when right padding is
# decoded on.
TOKENS = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 1]], dtype=torch.bool)


def test_positions_are_columns_without_padding():
    columns = Columns(2, 5, None)
    assert columns.counts == [5, 5]
    positions = torch.tensor([[[0, 4, -1]], [[1, 2, 3]]], dtype=torch.int32)
    assert columns.of_positions(positions).tolist() == positions.tolist()
    assert columns.visible_lengths(2) is None
    assert columns.counts_before(3) == [3, 3]


def test_padding_has_no_position():
    columns = Columns(3, 5, TOKENS)
    assert columns.counts == [3, 5, 3]
    positions = torch.tensor([[0, 2, -1], [0, 4, 3], [1, 2, -1]], dtype=torch.int32)
    assert columns.of_positions(positions).tolist() == [[2, 4, -1], [0, 4, 3], [1, 4, -1]]
    assert columns.counts_before(3) == [1, 3, 2]


def test_queries_at_padding_see_nothing():
    columns = Columns(3, 5, TOKENS)
    assert columns.visible_lengths(1) is None
    assert columns.visible_lengths(3) == [1, 2, 3, 3, 4, 5, 0, 0, 3]


def test_keys_of_positions_leave_padding_out():
    keys = torch.arange(3 * 5, dtype=torch.float32).view(3, 1, 5, 1)
    columns = Columns(3, 5, TOKENS)
    assert columns.take_keys(keys, 0, 0, 3).flatten().tolist() == [2, 3, 4]
    assert columns.take_keys(keys, 2, 1, 3).flatten().tolist() == [11, 14]
    assert Columns(3, 5, None).take_keys(keys, 1, 3, 5).shape == (2, 1, 1)


def test_rows_are_taken_with_their_padding():
    assert Columns(3, 5, TOKENS).take([2, 2, 0]).counts == [3, 3, 3]
    assert Columns(2, 5, None).take([1]).counts == [5]
