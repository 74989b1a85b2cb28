"""Attention over selected columns only."""

from __future__ import annotations

import torch

# Gathered keys and values of one piece of work: what a processor's cache or a GPU's spare memory
# takes. Decode steps stay far below; it bounds chunks of many query tokens.
_PIECE_BYTES = 256 << 20


def attend_selected(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    columns: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    """Attention [batch, tokens, query_heads, head_dim] over the listed columns.

    query [batch, query_heads, tokens, head_dim]; key, value [batch, kv_heads, columns, head_dim];
    columns int64 [batch, tokens, lists, width], -1 where a list is shorter, with one list per
    query head, per kv head, or for all heads. A token whose lists are empty gets zeros.
    """
    tokens = query.shape[2]
    row_bytes = query[0, :, :1].numel() * columns.shape[-1] * query.shape[0] * key.element_size()
    piece = max(1, _PIECE_BYTES // max(1, 2 * row_bytes))
    if piece >= tokens:
        return _attend_piece(query, key, value, columns, scaling)
    return torch.cat(
        [
            _attend_piece(
                query[:, :, t : t + piece], key, value, columns[:, t : t + piece], scaling
            )
            for t in range(0, tokens, piece)
        ],
        dim=1,
    )


def _attend_piece(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    columns: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    batch, query_heads, tokens, head_dim = query.shape
    kv_heads = key.shape[1]
    lists = _lists_of_kv_heads(columns, kv_heads, query_heads)  # [batch, kv_heads, tokens, L, W]
    per_kv_head, width = lists.shape[3:]
    rows = batch * kv_heads * tokens * per_kv_head

    # One attention problem per list: the query heads that share it against its columns.
    queries = query.reshape(batch, kv_heads, per_kv_head, -1, tokens, head_dim)
    queries = queries.permute(0, 1, 4, 2, 3, 5).reshape(rows, 1, -1, head_dim)
    present = lists >= 0
    index = lists.clamp(min=0)
    attended = torch.nn.functional.scaled_dot_product_attention(
        queries,
        _take(key, index).view(rows, 1, width, -1),
        _take(value, index).view(rows, 1, width, -1),
        attn_mask=present.view(rows, 1, 1, width),
        scale=scaling,
    )
    attended = attended.view(batch, kv_heads, tokens, per_kv_head, -1, value.shape[-1])
    attended = attended.permute(0, 2, 1, 3, 4, 5)
    return attended.reshape(batch, tokens, query_heads, value.shape[-1])


def _lists_of_kv_heads(columns: torch.Tensor, kv_heads: int, query_heads: int) -> torch.Tensor:
    """The lists by kv head [batch, kv_heads, tokens, lists per kv head, width]."""
    batch, tokens, lists, width = columns.shape
    if lists == 1:
        columns = columns.expand(batch, tokens, kv_heads, width)
    elif lists not in (kv_heads, query_heads):
        raise ValueError(f"lists: {lists}, expected 1, {kv_heads} or {query_heads}")
    return columns.reshape(batch, tokens, kv_heads, -1, width).transpose(1, 2).contiguous()


def _take(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Vectors [*index.shape, head_dim] of states [batch, kv_heads, columns, head_dim].

    index [batch, kv_heads, ...]. Reads rows of the flattened buffer behind `states`, several
    times as fast as torch.gather.
    """
    batch, kv_heads, _, head_dim = states.shape
    batch_stride, head_stride, column_stride, dim_stride = states.stride()
    if dim_stride != 1 or column_stride != head_dim or head_stride % head_dim:
        states = states.contiguous()
        batch_stride, head_stride = states.stride()[:2]
    # Rows of the flat view: the last vector of the last head is its end.
    row_count = (
        (batch - 1) * batch_stride + (kv_heads - 1) * head_stride
    ) // head_dim + states.shape[2]
    flat = states.as_strided((row_count, head_dim), (head_dim, 1))
    starts = torch.arange(batch, device=index.device)[:, None] * (batch_stride // head_dim)
    starts = starts + torch.arange(kv_heads, device=index.device) * (head_stride // head_dim)
    starts = starts.view(batch, kv_heads, *[1] * (index.ndim - 2))
    return torch.nn.functional.embedding(index + starts, flat)
