"""One layer's keys and values in buffers with room to grow."""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

# Room beyond what is held when a buffer is replaced: an eighth, and at least this many columns.
_LEAST_ROOM = 64


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A DynamicLayer that writes new tokens in place instead of concatenating.

    Concatenation copies the whole context for each token, which at long contexts costs as much
    as the dense attention that a selection avoids. `keys` and `values` are views
    [batch, kv_heads, columns, head_dim] of the buffers; columns that were cropped are written
    again. Under autograd it concatenates as DynamicLayer does.
    """

    _key_buffer: torch.Tensor | None = None
    _value_buffer: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values, the new ones [batch, kv_heads, tokens, head_dim] last."""
        if torch.is_grad_enabled() and key_states.requires_grad:
            self._key_buffer = self._value_buffer = None
            return super().update(key_states, value_states, *args, **kwargs)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self._key_buffer, self.keys = _extend(self._key_buffer, self.keys, key_states)
        self._value_buffer, self.values = _extend(self._value_buffer, self.values, value_states)
        return self.keys, self.values


def _extend(
    buffer: torch.Tensor | None, held: torch.Tensor | None, more: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The buffer that holds `held` and `more` end to end, and a view of both."""
    length = held.shape[-2] if held is not None and held.numel() else 0
    total = length + more.shape[-2]
    if buffer is None or buffer.shape[-2] < total or not _is_start_of(buffer, held, length):
        batch, heads, _, dim = more.shape
        buffer = more.new_empty(batch, heads, total + max(total // 8, _LEAST_ROOM), dim)
        if held is not None and length:
            buffer[..., :length, :] = held
    buffer[..., length:total, :] = more
    return buffer, buffer[..., :total, :]


def _is_start_of(buffer: torch.Tensor, held: torch.Tensor | None, length: int) -> bool:
    """Whether `held` is the first columns of `buffer`, and not a copy or a part of the batch."""
    return (
        held is None
        or length == 0
        or (held.data_ptr() == buffer.data_ptr() and held.shape[0] == buffer.shape[0])
    )
