"""Columns of a cache and positions of a sequence.

A cache holds a batch as columns: column c of row b is the token that row b read there, or padding.
The server knows tokens alone: position p of row b is its p-th token that is not padding. Without
padding, positions are columns.
"""

from __future__ import annotations

import torch


class Columns:
    """Which columns of a cache hold tokens.

    `counts` [batch] are the rows' tokens: the lengths of their sequences once all is sent.
    """

    def __init__(self, batch: int, columns: int, tokens: torch.Tensor | None) -> None:
        """`tokens` [batch, columns] bool is False at padding; None where there is none."""
        self.batch = batch
        self.columns = columns
        self._tokens = tokens
        self._ends: dict[int, bool] = {}  # answers of ends_with_tokens, which wait for a GPU
        if tokens is None:
            self.counts = [columns] * batch
        else:
            self.counts = tokens.sum(dim=1).tolist()
            self._order = torch.argsort((~tokens).to(torch.uint8), dim=1, stable=True)

    def of_positions(self, positions: torch.Tensor) -> torch.Tensor:
        """Columns int64 of `positions` [batch, ...], -1 where those are -1."""
        positions = positions.to(torch.int64)
        if self._tokens is None:
            return positions
        columns = self._order.gather(1, positions.clamp(min=0).flatten(1)).view_as(positions)
        return torch.where(positions < 0, positions, columns)

    def take_keys(self, keys: torch.Tensor, row: int, start: int, stop: int) -> torch.Tensor:
        """Keys [stop - start, kv_heads, head_dim] of positions start .. stop - 1 of a row.

        `keys` is [batch, kv_heads, columns, head_dim]. A view where there is no padding.
        """
        if self._tokens is None:
            return keys[row, :, start:stop].transpose(0, 1)
        return keys[row].index_select(1, self._order[row, start:stop]).transpose(0, 1)

    def ends_with_tokens(self, count: int) -> bool:
        """Whether no row has padding in the last `count` columns."""
        if self._tokens is None:
            return True
        if count not in self._ends:
            self._ends[count] = bool(self._tokens[:, -count:].all())
        return self._ends[count]

    def visible_lengths(self, query_tokens: int) -> list[int] | None:
        """Positions that the last columns' queries see, [batch * query_tokens].

        None where the service's default is the same: the row's last tokens, none of them padding.
        A query at padding sees nothing.
        """
        if self._tokens is None or self.ends_with_tokens(query_tokens):
            return None
        seen = self._tokens.cumsum(dim=1)[:, -query_tokens:]
        seen = seen * self._tokens[:, -query_tokens:]
        lengths: list[int] = seen.flatten().tolist()
        return lengths

    def take(self, rows: list[int]) -> Columns:
        """The columns of a batch whose row r is this one's rows[r]."""
        tokens = None if self._tokens is None else self._tokens[rows]
        return Columns(len(rows), self.columns, tokens)

    def counts_before(self, column: int) -> list[int]:
        """The rows' tokens in columns 0 .. column - 1."""
        if self._tokens is None:
            return [min(column, self.columns)] * self.batch
        return self._tokens[:, :column].sum(dim=1).tolist()
