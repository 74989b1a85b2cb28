"""Selections for SGLang's sparse attention: the contract of its BaseSparseAlgorithm.

Read against sgl-project/sglang at commit 00544d8 (python/sglang/srt/mem_cache/sparsity); not run
inside SGLang. KvsiftAlgorithm has the methods that its SparseCoordinator calls, with the same
arguments, and needs nothing of SGLang to be imported. Page size 1: indices are token positions of
a request, which SGLang's backend adaptor maps to slots of its cache.

A request is a sequence of the store. Keys are read from SGLang's key buffer once attention has
written them there, encoded on their device (kvsift.torch) and appended as codes. One list per
layer and request (grouping "layer_max"), because SGLang has one table of indices for all heads.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import torch

from kvsift.policy import Policy
from kvsift.store import Store
from kvsift.torch import encode_keys, encode_queries


@dataclasses.dataclass
class _Request:
    """What the store holds of the request in one slot of SGLang's request pool."""

    sequence_id: int
    lengths: dict[int, int] = dataclasses.field(default_factory=dict)  # by layer


class KvsiftAlgorithm:
    """Finds what a query should attend to by asking a kvsift server.

    Lists have at most k positions, ascending. The newest ones, whose keys SGLang writes only after
    it has asked, are always among them and count towards k.
    """

    def __init__(
        self, store: Store, k: int, *, sinks: int = 0, window: int = 0, first_sequence_id: int = 0
    ) -> None:
        """Serves the layers of `store`, which has key scales.

        first_sequence_id: sequences are numbered from here on; workers that share a store need
            ranges of their own.
        """
        if store.key_scales is None:
            raise ValueError("store: has no key scales, which keys are encoded with here")
        # One place is kept for the token of this step.
        self._policy = Policy(k=k - 1, grouping="layer_max", sinks=sinks, window=window)
        self._store = store
        self._k = k
        self._ids = itertools.count(first_sequence_id)
        self._requests: dict[int, _Request] = {}
        self._layers = range(0)
        self._req_to_token: Any = None  # [requests, positions]: slots of the key buffer
        self._states: Any = None
        scales = torch.from_numpy(store.key_scales.copy())
        self._scales = dict(zip(store.layer_ids, scales, strict=True))

    def initialize_representation_pool(
        self,
        start_layer: int,
        end_layer: int,
        token_to_kv_pool: Any,
        req_to_token_pool: Any,
        states: Any,
    ) -> None:
        """Takes what SGLang keeps about requests. Layers are start_layer .. end_layer - 1.

        Raises ValueError if the store lacks one of them or the pages of the pool are not tokens.
        """
        page_size = getattr(token_to_kv_pool, "page_size", 1)
        if page_size != 1:
            raise ValueError(f"page_size: {page_size}, must be 1: lists name single tokens")
        for layer in range(start_layer, end_layer):
            self._scales_of(layer)
        self._layers = range(start_layer, end_layer)
        self._req_to_token = req_to_token_pool.req_to_token
        self._states = states

    def construct_representations(
        self,
        layer_id: int,
        req_pool_indices: torch.Tensor,
        seq_lens: torch.Tensor,
        k_buffer: torch.Tensor,
        forward_batch: Any,
    ) -> None:
        """Begins sequences for requests that are new, and appends their keys of this layer.

        k_buffer: [slots, kv_heads, head_dim]; seq_lens: [batch], tokens whose keys are there.
        """
        fresh = ~self._states.repr_constructed[req_pool_indices]
        indices = req_pool_indices[fresh]
        if indices.numel() == 0:
            return
        if layer_id == self._layers.start:
            for index in indices.tolist():
                self.release(index)
                self._requests[index] = _Request(next(self._ids))
        self._append(layer_id, indices, seq_lens[fresh], k_buffer)
        if layer_id == self._layers[-1]:
            self._states.repr_constructed[indices] = True
            self._states.last_constructed_page[indices] = seq_lens[fresh].to(
                self._states.last_constructed_page.dtype
            )

    def update_representations(
        self,
        layer_id: int,
        req_pool_indices: torch.Tensor,
        seq_lens: torch.Tensor,
        k_buffer: torch.Tensor,
        forward_batch: Any,
    ) -> None:
        """Appends the keys that requests have got since, of this layer; as above."""
        known = torch.tensor(
            [index in self._requests for index in req_pool_indices.tolist()],
            dtype=torch.bool,
            device=req_pool_indices.device,
        )
        self._append(layer_id, req_pool_indices[known], seq_lens[known], k_buffer)

    def retrieve_topk(
        self,
        queries: torch.Tensor,
        layer_id: int,
        req_pool_indices: torch.Tensor,
        sparse_mask: torch.Tensor,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions int32 [batch, k], ascending and then -1, and how many they are, int32 [batch].

        queries: [batch, query_heads, head_dim], or the last two as one, on any device; the answer
            is there, too.
        sparse_mask: bool [batch]: the others have no list, length 0.
        forward_batch: has seq_lens [batch], the token of this step included.
        Raises ValueError without seq_lens, or if keys of a request have not been appended.
        """
        forward_batch: Any = kwargs.get("forward_batch")
        if not hasattr(forward_batch, "seq_lens"):
            raise ValueError("forward_batch: none with seq_lens, must be given")
        batch, device = len(queries), queries.device
        positions = torch.full((batch, self._k), -1, dtype=torch.int32)
        counts = torch.zeros(batch, dtype=torch.int32)
        rows = torch.nonzero(sparse_mask).flatten()
        if rows.numel() > 0:
            requests = self._requests_of(req_pool_indices[rows].tolist())
            selection = self._select(layer_id, queries[rows], requests)
            seq_lens = forward_batch.seq_lens[rows].tolist()
            for index, row in enumerate(rows.tolist()):
                newest = _newest(requests[index].lengths.get(layer_id, 0), seq_lens[index])
                chosen = [*selection.row(index).tolist(), *newest]
                positions[row, : len(chosen)] = torch.tensor(chosen, dtype=torch.int32)
                counts[row] = len(chosen)
        return positions.to(device), counts.to(device)

    def release(self, req_pool_index: int) -> None:
        """Forgets the request in that slot; otherwise it lasts until the slot has another one."""
        request = self._requests.pop(req_pool_index, None)
        if request is not None and request.lengths:
            self._store.release(request.sequence_id)

    def _scales_of(self, layer_id: int) -> torch.Tensor:
        if layer_id not in self._scales:
            raise ValueError(f"layer: {layer_id}, must be one of {list(self._scales)} of the store")
        scales: torch.Tensor = self._scales[layer_id]
        return scales

    def _requests_of(self, indices: list[int]) -> list[_Request]:
        missing = [index for index in indices if index not in self._requests]
        if missing:
            raise ValueError(f"req_pool_indices: {missing}, must be requests with keys")
        return [self._requests[index] for index in indices]

    def _append(
        self, layer_id: int, indices: torch.Tensor, seq_lens: torch.Tensor, k_buffer: torch.Tensor
    ) -> None:
        """Brings the store's lengths of a layer to seq_lens, growing ones in one call."""
        growing = []
        for index, end in zip(indices.tolist(), seq_lens.tolist(), strict=True):
            request = self._requests[index]
            start = request.lengths.get(layer_id, 0)
            if start > end:
                self._truncate(request, end)
            elif start < end:
                growing.append((request, self._req_to_token[index, start:end], start, end))
        if not growing:
            return
        keys = k_buffer[torch.cat([slots for _, slots, _, _ in growing]).long()]
        codes = encode_keys(keys, self._scales_of(layer_id).to(keys.device), self._store.key_bits)
        self._store.append(
            codes.unsqueeze(0).cpu(),
            sequence_ids=[request.sequence_id for request, _, _, _ in growing],
            starts=[start for _, _, start, _ in growing],
            counts=[end - start for _, _, start, end in growing],
            layer_ids=[layer_id],
        )
        for request, _, _, end in growing:
            request.lengths[layer_id] = end

    def _truncate(self, request: _Request, length: int) -> None:
        """Drops tokens that were rolled back, of all layers."""
        self._store.truncate(request.sequence_id, length)
        request.lengths = {layer: min(now, length) for layer, now in request.lengths.items()}

    def _select(self, layer_id: int, queries: torch.Tensor, requests: list[_Request]) -> Any:
        """One row for each request."""
        shape = (len(queries), self._store.query_heads, self._store.head_dim)
        codes, scales = encode_queries(queries.reshape(shape))
        return self._store.select(
            layer_id,
            codes.cpu(),
            [request.sequence_id for request in requests],
            self._policy,
            query_scales=scales.cpu(),
        )


def _newest(stored: int, seq_len: int) -> range:
    """The position of this step's token, if its key is not stored yet."""
    if not seq_len - 1 <= stored <= seq_len:
        raise ValueError(
            f"seq_lens: {seq_len}, must be {stored} or {stored + 1}: the keys of all tokens but "
            "this step's must have been appended"
        )
    return range(stored, seq_len)
