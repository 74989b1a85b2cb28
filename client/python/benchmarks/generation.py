"""Tokens a second of a small model: dense, and through a server."""

from __future__ import annotations

import time

import kvsift
import numpy as np
import torch
from kvsift.models import load_model
from kvsift.transformers import attach
from kvsift.transformers.cache import cache_argument
from transformers import LlamaConfig, LlamaForCausalLM

STEPS, WARM_UP = 32, 4
SMOLLM2 = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 16384,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
}


class Generation:
    """SmolLM2-135M, or a model of its shape with random weights: as fast, but says nothing."""

    def __init__(
        self, client: kvsift.Client, policy: kvsift.Policy, device: str, model: str | None
    ) -> None:
        dtype = "bfloat16" if device == "cuda" else "float32"
        if model is not None:
            self._model = load_model(model, dtype, device)[0]
        else:
            model = LlamaForCausalLM(LlamaConfig(**SMOLLM2))
            self._model = model.to(device, getattr(torch, dtype)).eval()
        self._client = client
        self._policy = policy
        config = self._model.config
        shape = (config.num_hidden_layers, config.num_key_value_heads)
        self._scales = np.ones(shape, np.float32)

    @torch.inference_mode()
    def measure(self, batch: int, prompt: int) -> dict[str, object]:
        """Tokens a second of the whole batch after prompts of `prompt` tokens."""
        dense = self._tokens_a_second(batch, prompt)
        with attach(
            self._model, self._client, scales=self._scales, policy=self._policy, dense_below=0
        ) as worker:
            selected = self._tokens_a_second(batch, prompt)
            layers = worker.statistics.selected // (STEPS + WARM_UP)
        return {
            "part": "generation",
            "batch": batch,
            "context": prompt,
            "dense_tokens_a_second": dense,
            "kvsift_tokens_a_second": selected,
            "selecting_layers": layers,
        }

    def _tokens_a_second(self, batch: int, prompt: int) -> float:
        ids = torch.randint(0, self._model.config.vocab_size, (batch, prompt))
        ids = ids.to(self._model.device)
        outputs = self._model(ids, use_cache=True, logits_to_keep=1)
        began = 0.0
        for step in range(WARM_UP + STEPS):
            if step == WARM_UP:
                self._synchronize()
                began = time.perf_counter()
            token = outputs.logits[:, -1:].argmax(-1)
            cache = {cache_argument(self._model): outputs[1]}
            outputs = self._model(token, **cache, use_cache=True)
        self._synchronize()
        return batch * STEPS / (time.perf_counter() - began)

    def _synchronize(self) -> None:
        if self._model.device.type == "cuda":
            torch.cuda.synchronize()
