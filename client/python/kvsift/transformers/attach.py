"""Attaching a model to a server."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface

import kvsift
from kvsift.transformers.availability import Availability
from kvsift.transformers.dense_rule import DenseRule
from kvsift.transformers.link import StoreLink
from kvsift.transformers.masks import build_mask
from kvsift.transformers.support import head_shape, sparse_layers
from kvsift.transformers.worker import ATTENTION, Worker, attend

_DEFAULT_POLICY = kvsift.Policy(k=256)


def attach(
    model: PreTrainedModel,
    client: kvsift.Client,
    *,
    scales: kvsift.KeyScales | np.ndarray | None = None,
    policy: kvsift.Policy | None = _DEFAULT_POLICY,
    store: str | None = None,
    dense_layers: int = 2,
    dense_below: int | str = "auto",
    max_decode_tokens: int = 32,
    on_unavailable: str = "fail",
    retry_after: float = 1.0,
    key_bits: int = 2,
    device: int = 0,
) -> Worker:
    """The worker that serves `model`'s decode attention from now on.

    scales: the model's key scales, as kvsift-calibrate writes them, or float32 [layers, kv_heads]
        of all its layers, as kvsift.calibrate.measure_key_scales returns them. None: `store` exists
        already.
    policy: what is selected; None attends densely until worker.policy is set.
    store: name of the store; by default one that says the model's shape and scales.
    dense_layers: layers from the first on that never select.
    dense_below: columns of the cache below which decode is dense; 0 always selects; "auto" is the
        measured crossover of dense_rule.py.
    max_decode_tokens: forwards over a filled cache with more tokens than this are prefill: dense.
    on_unavailable: "fail" raises UnavailableError; "dense" attends densely, with a warning, and
        tries again after `retry_after` seconds.
    key_bits, device: of a store that is made.

    Raises UnsupportedModelError for models that cannot decode like this, ValueError for scales of
    another model, kvsift.Error of the server.
    """
    rule = DenseRule(dense_below)
    availability = Availability(on_unavailable, retry_after)
    layers = sparse_layers(model, dense_layers)
    kv_heads, query_heads, head_dim = head_shape(model)
    if scales is None:
        if store is None:
            raise ValueError("scales: None, needed to make a store; or name an existing `store`")
        link = StoreLink(client, client.get_store(store), availability, None)
        _check_store(link.store, layers, (kv_heads, query_heads, head_dim))
    else:
        config: dict[str, Any] = {
            "layer_ids": layers,
            "kv_heads": kv_heads,
            "query_heads": query_heads,
            "head_dim": head_dim,
            "key_bits": key_bits,
            "key_scales": _scales_of(scales, layers, (kv_heads, head_dim)),
            "device": device,
        }
        config["name"] = store or _store_name(model, config)
        link = StoreLink(client, client.create_store(**config), availability, config)
        link.key_scales = torch.from_numpy(config["key_scales"])
    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, build_mask)
    return Worker(model, link, policy, rule, max_decode_tokens)


def _scales_of(scales: Any, layers: list[int], shape: tuple[int, int]) -> np.ndarray:
    """Scales float32 [layers, kv_heads] of the store's layers."""
    kv_heads, head_dim = shape
    if hasattr(scales, "for_layers"):
        values: np.ndarray = scales.for_layers(layers, kv_heads=kv_heads, head_dim=head_dim)
        return values
    values = np.asarray(scales, np.float32)
    if values.ndim != 2 or len(values) <= layers[-1] or values.shape[1] != kv_heads:
        raise ValueError(
            f"scales: shape {values.shape}, expected [layers, {kv_heads}] of all layers"
        )
    return np.ascontiguousarray(values[layers])


def _check_store(store: kvsift.Store, layers: list[int], shape: tuple[int, int, int]) -> None:
    theirs = (store.kv_heads, store.query_heads, store.head_dim)
    if theirs != shape or not set(store.layer_ids) <= set(layers):
        raise ValueError(
            f"store {store.name!r}: kv_heads, query_heads, head_dim {theirs} and layers "
            f"{list(store.layer_ids)}, the model has {shape} and layers {layers}"
        )


def _store_name(model: PreTrainedModel, config: dict[str, Any]) -> str:
    """A name that two models share only if they share everything that decides codes."""
    said = repr(sorted((k, v) for k, v in config.items() if k != "key_scales"))
    digest = hashlib.sha256(said.encode() + config["key_scales"].tobytes()).hexdigest()
    return f"transformers/{model.config.model_type}-{digest[:16]}"
