"""One forward of a model with a cache: what its layers have in common."""

from __future__ import annotations

import dataclasses

import torch

from kvsift.transformers.cache import KvsiftCache
from kvsift.transformers.columns import Columns


@dataclasses.dataclass
class Forward:
    """The columns that a forward adds to a cache.

    `dense_because` names the count in Statistics of layers that it keeps dense; None: they select.
    """

    cache: KvsiftCache
    past: int  # columns before it
    tokens: int  # columns that it adds
    groups: list[int]  # rows of one number bring the same tokens
    columns: Columns | None = None  # once a layer has seen the mask
    dense_because: str | None = None

    def see(self, key: torch.Tensor, mask: torch.Tensor | None, dense_because: str | None) -> None:
        """Takes note of where the rows' tokens are, and begins their sequences or parts them.

        key [batch, kv_heads, columns, head_dim]; mask [batch, columns] or None.
        """
        batch = key.shape[0]
        self.dense_because = dense_because
        self.columns = self.cache.columns = Columns(batch, key.shape[2], mask)
        sequences = self.cache.start(self.groups if self.past == 0 else list(range(batch)))
        selects = dense_because is None and sequences.shared()
        if selects or not sequences.agree_with(self.groups):
            self.cache.part()


def alike(inputs: torch.Tensor | None, mask: torch.Tensor | None, rows: int) -> list[int]:
    """A number per row; rows of one number bring the same tokens.

    inputs [rows, tokens] are token ids, None where they are not known; mask [rows, columns] is the
    padding mask, if there is one.
    """
    if inputs is None or rows == 1:
        return list(range(rows))
    if isinstance(mask, torch.Tensor) and mask.ndim == 2:
        inputs = torch.cat([inputs, mask[:, -inputs.shape[1] :].to(inputs.dtype)], dim=1)
    groups: list[int] = torch.unique(inputs, dim=0, return_inverse=True)[1].tolist()
    return groups
