"""Selections as page tables for FlashInfer's paged decode, a list of tokens for each kv head.

Read against flashinfer-ai/flashinfer at commit 002752a (flashinfer/decode.py,
BatchDecodeWithPagedKVCacheWrapper); tested against its documented contract, not run with its
kernels. FlashInfer has one table for all heads of a request. So each (request, kv head) becomes a
request of its own, with one kv head, and each (token, kv head) of the cache a page of one token::

    policy = kvsift.Policy(k=256, grouping="group_max")
    selection = store.step(layer, keys, queries, ids, starts, policy, layout="packed")
    table = token_table(selection, slots, kv_heads)
    wrapper.plan(table.indptr, table.indices, table.last_page_len,
                 query_heads // kv_heads, 1, head_dim, 1)
    output = wrapper.run(split_queries(queries, kv_heads), split_cache(key_cache, value_cache))
    output = output.view(len(queries), query_heads, head_dim)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class TokenTable(NamedTuple):
    """What wrapper.plan takes, for pages of one token."""

    indptr: torch.Tensor  # int32 [rows + 1]: where each row's indices begin
    indices: torch.Tensor  # int32 [indptr[-1]]: pages of split_cache
    last_page_len: torch.Tensor  # int32 [rows]: 1


def token_table(selection: Any, slots: torch.Tensor, kv_heads: int) -> TokenTable:
    """The rows (request, kv head) of a selection, on the device of `slots`.

    selection: packed, one query token for each entry, with grouping "group_max" or "group_sum" (or
        "head" where every kv head has one query head): `kv_heads` rows for each entry.
    slots: integers [entries, positions]: where the cache has the token of each position.
    Raises ValueError if the selection is padded, has other rows, or reaches beyond `slots`.
    """
    if selection.offsets is None:
        raise ValueError('selection: padded, must have layout="packed"')
    rows, entries = len(selection.counts), len(slots)
    if rows != entries * kv_heads:
        raise ValueError(
            f"selection: {rows} rows, must be {entries} entries x {kv_heads} kv heads: one list "
            'for each kv head (grouping "group_max") and one query token for each entry'
        )
    device = slots.device
    positions = torch.as_tensor(selection.positions).to(device, torch.int64)
    most = int(selection.positions.max(initial=-1))
    if most >= slots.shape[1]:
        raise ValueError(f"slots: of {slots.shape[1]} positions, must have position {most}")
    counts = torch.as_tensor(selection.counts).to(device, torch.int64)
    row = torch.repeat_interleave(
        torch.arange(rows, device=device), counts, output_size=len(positions)
    )
    pages = slots.to(torch.int64)[row // kv_heads, positions] * kv_heads + row % kv_heads
    return TokenTable(
        indptr=torch.as_tensor(selection.offsets).to(device, copy=True),
        indices=pages.to(torch.int32),
        last_page_len=torch.ones(rows, dtype=torch.int32, device=device),
    )


def split_cache(
    key_cache: torch.Tensor, value_cache: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Views of a cache with a page for each (token, kv head): [slots * kv_heads, 1, 1, head_dim].

    key_cache, value_cache: [slots, kv_heads, head_dim], contiguous. Pages of one token and one head
    are the same in FlashInfer's layouts NHD and HND.
    Raises ValueError if a cache is not contiguous: its copy would not follow it.
    """
    for name, cache in (("key_cache", key_cache), ("value_cache", value_cache)):
        if not cache.is_contiguous():
            raise ValueError(f"{name}: strides {cache.stride()}, must be contiguous")
    return (
        key_cache.view(-1, 1, 1, key_cache.shape[-1]),
        value_cache.view(-1, 1, 1, value_cache.shape[-1]),
    )


def split_queries(queries: torch.Tensor, kv_heads: int) -> torch.Tensor:
    """Queries [batch, query_heads, head_dim] as [batch * kv_heads, group, head_dim].

    Query head h reads kv head h / group. The output has the same shape; its view as
    [batch, query_heads, head_dim] is in the order of the query heads.
    """
    batch, query_heads, head_dim = queries.shape
    if query_heads % kv_heads != 0:
        raise ValueError(f"queries: {query_heads} heads, must be a multiple of {kv_heads} kv heads")
    return queries.reshape(batch * kv_heads, query_heads // kv_heads, head_dim)
