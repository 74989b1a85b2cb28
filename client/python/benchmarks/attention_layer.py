"""The attention of one layer of a Llama shape: dense, and through a server."""

from __future__ import annotations

import time
from collections.abc import Callable

import kvsift
import numpy as np
import torch
from kvsift.transformers import attach
from kvsift.transformers.cache import KvsiftCache, adopt
from kvsift.transformers.columns import Columns
from kvsift.transformers.forward import Forward
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

KV_HEADS, QUERY_HEADS, HEAD_DIM = 8, 32, 128
STEPS, WARM_UP = 40, 5


class AttentionLayer:
    """A layer of 8 kv heads x 32 query heads x 128, keys and values in bfloat16 on a GPU."""

    def __init__(self, client: kvsift.Client, policy: kvsift.Policy, device: str) -> None:
        """The rest of the model is as small as can be: it is never run."""
        config = LlamaConfig(
            vocab_size=32,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=QUERY_HEADS,
            num_key_value_heads=KV_HEADS,
            head_dim=HEAD_DIM,
        )
        model = LlamaForCausalLM(config).to(device)
        # Rotated coordinates of standard normal keys have the root mean square 1.
        scales = np.ones((1, KV_HEADS), np.float32)
        options = {"dense_layers": 0, "dense_below": 0}
        self._worker = attach(model, client, scales=scales, policy=policy, **options)
        self._module = model.model.layers[0].self_attn
        self._device = device
        self._dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self._round_trips: list[float] = []
        store = self._worker.link.store
        self._step, store.step = store.step, self._timed_step

    @torch.inference_mode()
    def measure(self, batch: int, context: int) -> dict[str, object]:
        """Microseconds of one decode step of the layer, and what the step's call took of it."""
        cache = adopt(DynamicCache(config=self._worker._model.config), self._worker)
        keys, _ = cache.update(*self._states(batch, KV_HEADS, context, 2), 0)
        cache.start(list(range(batch)))
        cache.ingest.send(0, keys, Columns(batch, context, None))
        cache.ingest.settle()
        dense = self._time(lambda: self._decode(cache, None))
        self._round_trips.clear()
        selected = self._time(lambda: self._decode(cache, context))
        cache.sequences.release()
        return {
            "part": "attention",
            "batch": batch,
            "context": context,
            "kv_bytes": 2 * batch * context * KV_HEADS * HEAD_DIM * self._dtype.itemsize,
            "dense_us": dense,
            "kvsift_us": selected,
            "call_us": 1e6 * float(np.median(self._round_trips[WARM_UP:])),
        }

    def _decode(self, cache: KvsiftCache, selects: int | None) -> None:
        """One token: its keys and values go into the cache, then it attends."""
        batch = cache.layers[0].keys.shape[0]
        past = cache.get_seq_length()
        keys, values = cache.update(*self._states(batch, KV_HEADS, 1, 2), 0)
        query = self._states(batch, QUERY_HEADS, 1, 1)[0]
        self._worker._forward = None
        if selects is not None:
            self._worker._forward = Forward(cache, past, 1, list(range(batch)))
        self._worker.attend(self._module, query, keys, values, None, scaling=HEAD_DIM**-0.5)

    def _time(self, step: Callable[[], None]) -> float:
        """Microseconds of a step, in the mean of many that follow each other."""
        for _ in range(WARM_UP):
            step()
        self._synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        self._synchronize()
        return 1e6 * (time.perf_counter() - began) / STEPS

    def _timed_step(self, *arguments: object, **options: object) -> kvsift.Selection:
        began = time.perf_counter()
        selection = self._step(*arguments, **options)
        self._round_trips.append(time.perf_counter() - began)
        return selection

    def _states(self, batch: int, heads: int, tokens: int, count: int) -> list[torch.Tensor]:
        shape = (batch, heads, tokens, HEAD_DIM)
        return [torch.randn(shape, dtype=self._dtype, device=self._device) for _ in range(count)]

    def _synchronize(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()
