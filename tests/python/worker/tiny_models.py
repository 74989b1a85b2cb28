"""Tiny models of random weights, one per family, and prompts for them."""

from __future__ import annotations

import torch
import transformers

VOCABULARY = 97
PADDING = 0

_SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "pad_token_id": PADDING,
    "bos_token_id": 1,
    "eos_token_id": None,
    # Weights large enough that attention prefers some tokens to others.
    "initializer_range": 0.3,
}

FAMILIES = {
    "llama": ("Llama", {}),
    "llama-multi-head": ("Llama", {"num_key_value_heads": 6}),
    "llama-multi-query": ("Llama", {"num_key_value_heads": 1}),
    "qwen2": ("Qwen2", {}),
    "qwen3": ("Qwen3", {"head_dim": 24}),
    "mistral": ("Mistral", {"sliding_window": None, "head_dim": 32}),
    "smollm3": ("SmolLM3", {}),
}


def tiny(family: str, **changes: object) -> transformers.PreTrainedModel:
    """A model of a family, the same at each call."""
    name, shape = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**{**_SHAPE, **shape, **changes})
    torch.manual_seed(7)
    return getattr(transformers, f"{name}ForCausalLM")(config).eval()


def prompt(rows: int = 2, tokens: int = 40, seed: int = 0) -> torch.Tensor:
    """Token ids [rows, tokens]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, VOCABULARY, (rows, tokens), generator=generator)


def padded(side: str, rows: int = 3, tokens: int = 40) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask of rows whose lengths differ, padded on a side."""
    ids = prompt(rows, tokens)
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        hidden = slice(0, 7 * row) if side == "left" else slice(tokens - 7 * row, tokens)
        mask[row, hidden] = 0
    return {"input_ids": ids.masked_fill(mask == 0, PADDING), "attention_mask": mask}


def generate(model: transformers.PreTrainedModel, **inputs: object):
    """Twelve tokens and their scores, without chance unless asked for."""
    inputs.setdefault("attention_mask", torch.ones_like(inputs["input_ids"]))
    return model.generate(
        **{"do_sample": False, **inputs},
        max_new_tokens=12,
        output_scores=True,
        return_dict_in_generate=True,
    )
