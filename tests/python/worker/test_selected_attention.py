"""attend_selected is dense attention under a mask of the lists."""

from __future__ import annotations

import pytest
import torch
from kvsift.transformers import selected_attention
from kvsift.transformers.selected_attention import attend_selected

BATCH, KV_HEADS, QUERY_HEADS, COLUMNS, DIM, WIDTH = 2, 2, 6, 50, 24, 9


def states(tokens):
    generator = torch.Generator().manual_seed(tokens)
    query = torch.randn(BATCH, QUERY_HEADS, tokens, DIM, generator=generator)
    key, value = torch.randn(2, BATCH, KV_HEADS, COLUMNS, DIM, generator=generator)
    return query, key, value


def lists_of(lists, tokens):
    """Distinct random columns, ascending, the last entries of some lists left out."""
    generator = torch.Generator().manual_seed(lists)
    chosen = torch.rand(BATCH, tokens, lists, COLUMNS, generator=generator).argsort(-1)
    columns = chosen[..., :WIDTH].sort(-1).values
    columns[:, ::2, ..., WIDTH // 2 :] = -1
    return columns


def by_mask(query, key, value, columns):
    """Dense attention [batch, tokens, query_heads, head_dim] where listed."""
    mask = torch.zeros(*columns.shape[:3], COLUMNS + 1, dtype=torch.bool)
    mask.scatter_(3, torch.where(columns < 0, COLUMNS, columns), True)
    mask = mask[..., :COLUMNS].repeat_interleave(QUERY_HEADS // columns.shape[2], dim=2)
    attended = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask.transpose(1, 2), scale=0.3, enable_gqa=True
    )
    return attended.transpose(1, 2)


@pytest.mark.parametrize("lists", [QUERY_HEADS, KV_HEADS, 1])
@pytest.mark.parametrize("tokens", [1, 7])
def test_equals_dense_attention_under_the_lists(lists, tokens):
    query, key, value = states(tokens)
    columns = lists_of(lists, tokens)
    found = attend_selected(query, key, value, columns, 0.3)
    torch.testing.assert_close(found, by_mask(query, key, value, columns))


def test_reads_views_of_larger_buffers():
    query, key, value = states(1)
    room = torch.full((BATCH, KV_HEADS, 80, DIM), float("nan"))
    room[:, :, :COLUMNS] = key
    spread = value.transpose(1, 2).contiguous().transpose(1, 2)
    columns = lists_of(QUERY_HEADS, 1)
    found = attend_selected(query, room[:, :, :COLUMNS], spread, columns, 0.3)
    torch.testing.assert_close(found, by_mask(query, key, value, columns))


def test_pieces_change_nothing(monkeypatch):
    query, key, value = states(7)
    columns = lists_of(KV_HEADS, 7)
    whole = attend_selected(query, key, value, columns, 0.3)
    monkeypatch.setattr(selected_attention, "_PIECE_BYTES", 1)
    torch.testing.assert_close(attend_selected(query, key, value, columns, 0.3), whole)


def test_empty_lists_give_zeros():
    query, key, value = states(2)
    columns = lists_of(KV_HEADS, 2)
    columns[0, 1] = -1
    found = attend_selected(query, key, value, columns, None)
    assert found[0, 1].eq(0).all()
    assert found[0, 0].ne(0).all()


def test_lists_that_no_head_can_own_are_refused():
    query, key, value = states(1)
    with pytest.raises(ValueError, match="lists: 3, expected 1, 2 or 6"):
        attend_selected(query, key, value, lists_of(3, 1), None)
