"""Transformers models that decode over the positions that a kvsift server selects.

    client = kvsift.Client("127.0.0.1:7600")
    scales = kvsift.KeyScales.load("model.scales.json")          # kvsift-calibrate
    worker = kvsift.transformers.attach(model, client, scales=scales, policy=kvsift.Policy(k=256))
    model.generate(**inputs, max_new_tokens=100)                  # unchanged

Prefill and the first two layers are dense. Every later decode step sends its new keys and queries,
one call per layer for the whole batch, and attends to the answered positions only. Keys, values and
positional encoding stay where they are: the server holds 2-bit codes of the rotated keys.

Any decoder whose attention goes through Transformers' AttentionInterface: causal softmax over keys
of one kv head each (multi-head, multi-query, grouped-query), head_dim up to 256, float32, float16
or bfloat16. Layers with sliding windows or chunks stay dense; latent attention (MLA), soft-capped
scores, attention sinks as parameters, shared layers and encoders are refused by `attach`.
"""

try:
    import transformers as _transformers  # noqa: F401
except ModuleNotFoundError as error:
    if error.name not in ("torch", "transformers"):
        raise
    raise ImportError(
        f"kvsift.transformers needs {error.name}: pip install 'kvsift[transformers]'"
    ) from error

from kvsift.transformers.attach import attach
from kvsift.transformers.cache import KvsiftCache
from kvsift.transformers.statistics import Statistics
from kvsift.transformers.support import UnsupportedModelError
from kvsift.transformers.worker import Worker

__all__ = [
    "KvsiftCache",
    "Statistics",
    "UnsupportedModelError",
    "Worker",
    "attach",
]
