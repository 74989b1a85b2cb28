"""Keys, queries and values of a Transformers model as its attention sees them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

# Called with a layer's index and its query [batch, query_heads, tokens, head_dim], key and value
# [batch, kv_heads, tokens, head_dim], after rotary embedding.
Listener = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], None]

# What computes the attention that is listened to.
_UNDERLYING = "sdpa"
_numbers = itertools.count()


@contextlib.contextmanager
def listening(model: Any, listener: Listener) -> Iterator[None]:
    """Tells `listener` of every attention that `model` computes, densely, in the meantime.

    An implementation of attention is registered in Transformers' AttentionInterface and taken away
    again; the model then has the one it had before.
    """
    attend = ALL_ATTENTION_FUNCTIONS[_UNDERLYING]

    def listened(module: Any, *arguments: Any, **options: Any) -> Any:
        listener(module.layer_idx, *arguments[:3])
        return attend(module, *arguments, **options)

    name = f"kvsift_listening_{next(_numbers)}"
    before = model.config._attn_implementation
    AttentionInterface.register(name, listened)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[_UNDERLYING])
    try:
        model.set_attn_implementation(name)
        yield
    finally:
        model.set_attn_implementation(before)
        for interface in (AttentionInterface, AttentionMaskInterface):
            interface._global_mapping.pop(name)


@torch.no_grad()
def read_densely(model: Any, token_ids: Sequence[int], listener: Listener) -> None:
    """Lets `model` read tokens as one sequence, without a cache, and tells of every attention.

    Raises ValueError if the model's attention cannot be listened to.
    """
    layers = 0

    def counted(layer: int, *tensors: torch.Tensor) -> None:
        nonlocal layers
        layers += 1
        listener(layer, *tensors)

    ids = torch.tensor([list(token_ids)], device=model.device)
    with listening(model, counted):
        # Without the head: nobody needs what would be [tokens, vocabulary].
        model.base_model(input_ids=ids, use_cache=False)
    if layers == 0:
        raise ValueError(
            f"model: {type(model).__name__}, must compute attention through Transformers' "
            "AttentionInterface"
        )
