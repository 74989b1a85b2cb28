"""Selections of a decode step, with everything that has to reach the server before."""

from __future__ import annotations

import torch

import kvsift
from kvsift.transformers.columns import Columns
from kvsift.transformers.ingest import Ingest
from kvsift.transformers.link import StoreLink
from kvsift.transformers.sequences import Sequences

# Keys of one row that travel with a step. More go ahead of it as appends.
_STEP_KEYS = 256
# How often a step is built again because the server held less than it was sent.
_ATTEMPTS = 4


class Selector:
    """Asks the server which columns the new tokens of a batch attend to."""

    def __init__(self, link: StoreLink, sequences: Sequences, ingest: Ingest) -> None:
        self._link = link
        self._sequences = sequences
        self._ingest = ingest

    def select(
        self,
        layer: int,
        query: torch.Tensor,
        keys: torch.Tensor,
        columns: Columns,
        policy: kvsift.Policy,
    ) -> torch.Tensor:
        """Columns int64 [batch, tokens, lists, width] on the query's device, -1 after the last.

        query [batch, query_heads, tokens, head_dim] of the last columns; keys [batch, kv_heads,
        columns, head_dim]; layer: place in the store. No rows share a sequence. The new keys go
        with the call, and so does what the server lost meanwhile. Raises kvsift.Error.
        """
        sequences, rows = self._sequences, range(columns.batch)
        for attempt in range(1, _ATTEMPTS + 1):
            self._ingest.settle(layer)
            self._send_backlog(layer, keys, columns)
            try:
                selection = self._step(layer, query, keys, columns, policy)
            except kvsift.Error as error:
                sequences.learn(error, layer, rows)
                if attempt == _ATTEMPTS:
                    raise
            else:
                break
        sequences.mark_held(layer, rows, columns.counts)
        positions = torch.from_numpy(selection.positions).to(query.device, non_blocking=True)
        tokens = query.shape[2]
        return columns.of_positions(positions.view(columns.batch, tokens, -1, positions.shape[-1]))

    def _send_backlog(self, layer: int, keys: torch.Tensor, columns: Columns) -> None:
        """Appends what is too much to travel with the step; the rest of each row does."""
        held = self._sequences.held[layer]
        long = [r for r in range(columns.batch) if columns.counts[r] - held[r] > _STEP_KEYS]
        if long:
            self._ingest.send(layer, keys, columns, long, keep=_STEP_KEYS)
            self._ingest.settle(layer)

    def _step(
        self,
        layer: int,
        query: torch.Tensor,
        keys: torch.Tensor,
        columns: Columns,
        policy: kvsift.Policy,
    ) -> kvsift.Selection:
        batch, query_heads, tokens, head_dim = query.shape
        starts = self._sequences.held[layer].tolist()
        counts = [stop - start for start, stop in zip(starts, columns.counts, strict=True)]
        queries = query.transpose(1, 2).reshape(batch * tokens, query_heads, head_dim)
        queries, vectors = _to_host(queries, _new_keys(keys, columns, starts, tokens))
        return self._link.store.step(
            self._link.layers[layer],
            vectors,
            queries,
            self._sequences.ids,
            starts,
            policy,
            key_counts=counts,
            query_tokens=[tokens] * batch,
            visible_lengths=columns.visible_lengths(tokens),
            on_conflict="replace_tail",
        )


def _new_keys(keys: torch.Tensor, columns: Columns, starts: list[int], tokens: int) -> torch.Tensor:
    """Keys [positions, kv_heads, head_dim] of all rows from their starts on, row by row."""
    if columns.ends_with_tokens(tokens) and all(
        start + tokens == stop for start, stop in zip(starts, columns.counts, strict=True)
    ):
        return keys[:, :, -tokens:].transpose(1, 2).flatten(0, 1)
    parts = [
        columns.take_keys(keys, row, start, columns.counts[row]) for row, start in enumerate(starts)
    ]
    return torch.cat(parts)


def _to_host(queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both tensors in host memory, with one copy from a GPU."""
    queries, keys = queries.detach(), keys.detach()
    if queries.device.type == "cpu":
        return queries.contiguous(), keys.contiguous()
    both = torch.cat([queries.reshape(-1), keys.reshape(-1)]).to("cpu")
    return both[: queries.numel()].view(queries.shape), both[queries.numel() :].view(keys.shape)
