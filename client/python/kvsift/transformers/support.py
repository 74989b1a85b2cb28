"""Which layers of which models can attend to a selection."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

MAX_HEAD_DIM = 256


class UnsupportedModelError(ValueError):
    """A model whose attention is not a causal softmax over rotary keys, one per kv head."""


def attention_layers(model: PreTrainedModel) -> dict[int, nn.Module]:
    """The attention modules of a decoder by layer id. Raises UnsupportedModelError."""
    config = model.config.get_text_config(decoder=True)
    _refuse(model.config.is_encoder_decoder, "it has an encoder")
    _refuse(not getattr(config, "is_causal", True), "its attention is not causal")
    _refuse(getattr(config, "kv_lora_rank", None), "its keys are latent (MLA)")
    softcap = getattr(config, "attn_logit_softcapping", None)
    _refuse(softcap, f"its attention scores are capped at {softcap}")
    _refuse(getattr(config, "num_kv_shared_layers", None), "its layers share keys and values")
    _refuse(not model._can_set_attn_implementation(), "its attention is not exchangeable")

    modules = {
        _layer_id(module): module
        for module in model.base_model.modules()
        if hasattr(module, "layer_idx") and hasattr(module, "k_proj")
    }
    expected = list(range(config.num_hidden_layers))
    _refuse(
        sorted(modules) != expected,
        f"{len(modules)} of its {len(expected)} layers have attention with separate keys",
    )
    for module in modules.values():
        _refuse(getattr(module, "sinks", None) is not None, "it has learned attention sinks")
    return modules


def _layer_id(module: nn.Module) -> int:
    layer_id: int = module.layer_idx  # type: ignore[assignment]
    return layer_id


def sparse_layers(model: PreTrainedModel, dense_layers: int) -> list[int]:
    """Ids of the layers that attend to selections: full attention, from `dense_layers` on.

    Layers with sliding windows or chunks stay dense. Raises UnsupportedModelError where none
    is left, or for what attention_layers refuses.
    """
    modules = attention_layers(model)
    config = model.config.get_text_config(decoder=True)
    types = getattr(config, "layer_types", None) or _types_without_list(config)
    layers = [i for i in modules if i >= dense_layers and types[i] == "full_attention"]
    _refuse(
        not layers,
        f"no layer from {dense_layers} on has full attention (layer types {sorted(set(types))})",
    )
    head_dim = head_shape(model)[2]
    _refuse(head_dim > MAX_HEAD_DIM, f"head_dim {head_dim} is above {MAX_HEAD_DIM}")
    return layers


def head_shape(model: PreTrainedModel) -> tuple[int, int, int]:
    """kv_heads, query_heads, head_dim."""
    config = model.config.get_text_config(decoder=True)
    query_heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // query_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or query_heads
    return kv_heads, query_heads, head_dim


def _types_without_list(config: PreTrainedConfig) -> list[str]:
    """Layer types of a config that does not list them, as Transformers' caches infer them."""
    kind = "full_attention"
    if getattr(config, "sliding_window", None) is not None:
        kind = "sliding_attention"
    elif getattr(config, "attention_chunk_size", None) is not None:
        kind = "chunked_attention"
    return [kind] * config.num_hidden_layers


def _refuse(condition: object, reason: str) -> None:
    if condition:
        raise UnsupportedModelError(f"the model cannot decode through kvsift: {reason}")
