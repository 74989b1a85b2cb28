"""Masks as Transformers builds them for the "kvsift" attention, and dense attention under them.

The mask of a plain causal layer is the padding mask alone, as for flash attention: bool
[batch, columns], False at padding, or None where no row has padding. Every other pattern (sliding
windows, chunks, packed sequences) is the full mask of "sdpa" [batch, 1, tokens, columns]; layers
with such a mask stay dense.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, causal_mask_function
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def build_mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    """The mask of one kind of layer; registered with AttentionMaskInterface."""
    if kwargs.get("mask_function", causal_mask_function) is not causal_mask_function:
        build = ALL_MASK_ATTENTION_FUNCTIONS["sdpa"]
    else:
        build = ALL_MASK_ATTENTION_FUNCTIONS["flash_attention_2"]
    mask: torch.Tensor | None = build(*args, **kwargs)
    return mask


def attend_densely(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention [batch, tokens, query_heads, head_dim] over all columns that the mask shows."""
    mask = _full_mask(mask, query.shape[2], key.shape[2], query.device)
    attend = ALL_ATTENTION_FUNCTIONS["sdpa"]
    attended: tuple[torch.Tensor, None] = attend(module, query, key, value, mask, **kwargs)
    return attended


def _full_mask(
    mask: torch.Tensor | None, tokens: int, columns: int, device: torch.device
) -> torch.Tensor | None:
    """The mask as "sdpa" takes it: [batch, 1, tokens, columns], or None if it needs none."""
    if mask is not None and mask.ndim == 4:
        return mask
    if mask is None and tokens in (1, columns):
        return None
    last = torch.arange(columns - tokens, columns, device=device)
    causal = torch.arange(columns, device=device)[None, :] <= last[:, None]
    if mask is None:
        return causal[None, None]
    return causal[None, None] & mask[:, None, None, :]
