"""Key scales measured with the model at hand."""

from __future__ import annotations

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

import kvsift
from kvsift.transformers.cache import cache_argument


@torch.no_grad()
def measure_scales(
    model: PreTrainedModel, client: kvsift.Client, input_ids: torch.Tensor
) -> np.ndarray:
    """Key scales float32 [layers, kv_heads] of all layers, from one text.

    input_ids [1, tokens]: some thousand tokens of the kind of text that the model will read.
    `model` has no worker attached. To keep scales, write them with kvsift-calibrate.
    """
    cache = DynamicCache(config=model.config)
    model.base_model(input_ids, **{cache_argument(model): cache}, use_cache=True)
    keys = torch.stack([layer.keys[0].transpose(0, 1) for layer in cache.layers])
    return client.calibrate(keys.cpu())
