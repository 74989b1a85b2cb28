"""A model's decode attention over the positions that a kvsift server selects."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

import kvsift
from kvsift.transformers.cache import KvsiftCache, adopt, cache_argument
from kvsift.transformers.columns import Columns
from kvsift.transformers.dense_rule import DenseRule
from kvsift.transformers.link import StoreLink
from kvsift.transformers.masks import attend_densely
from kvsift.transformers.selected_attention import attend_selected
from kvsift.transformers.statistics import Statistics
from kvsift.transformers.support import attention_layers

ATTENTION = "kvsift"


@dataclasses.dataclass
class _Forward:
    """One forward of the model with a cache."""

    cache: KvsiftCache
    past: int  # columns before it
    tokens: int  # columns that it adds
    groups: list[int]  # rows of one number bring the same tokens
    columns: Columns | None = None  # once a layer has seen the mask


class Worker:
    """Serves the attention of one model; made by `attach`.

    `policy` may be exchanged between forwards; None attends densely. `statistics` counts what was
    done. As a context manager it detaches at the end. Not thread-safe, as its model's cache is
    not: one forward at a time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        link: StoreLink,
        policy: kvsift.Policy | None,
        rule: DenseRule,
        max_decode_tokens: int,
    ) -> None:
        self.link = link
        self.policy = policy
        self.rule = rule
        self.max_decode_tokens = max_decode_tokens
        self._model = model
        self._forward: _Forward | None = None
        self._implementation = model.config._attn_implementation
        decoder = model.base_model
        self.cache_name = cache_argument(model)
        self._modules = list(attention_layers(model).values())
        if any(hasattr(module, "kvsift_worker") for module in self._modules):
            raise ValueError("the model has a worker already: detach that one first")
        for module in self._modules:
            module.kvsift_worker = self
        self._hooks = [
            decoder.register_forward_pre_hook(self._begin, with_kwargs=True),
            decoder.register_forward_hook(self._end, always_call=True),
        ]
        model.set_attn_implementation(ATTENTION)

    @property
    def statistics(self) -> Statistics:
        """Counts of what this worker has done."""
        return self.link.statistics

    @contextlib.contextmanager
    def using(self, policy: kvsift.Policy | None) -> Iterator[Worker]:
        """Attends by another policy, or densely with None, inside a `with` block."""
        previous, self.policy = self.policy, policy
        try:
            yield self
        finally:
            self.policy = previous

    def detach(self) -> None:
        """Gives the model its own attention back. The store and its sequences remain."""
        if not self._modules:
            return  # detached already
        for hook in self._hooks:
            hook.remove()
        for module in self._modules:
            del module.kvsift_worker
        self._modules = []
        self._model.set_attn_implementation(self._implementation)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def attend(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """Attention of one layer [batch, tokens, query_heads, head_dim].

        query [batch, query_heads, tokens, head_dim]; key, value [batch, kv_heads, columns,
        head_dim]; mask as build_mask makes it.
        """
        forward = self._forward
        if forward is None or module.layer_idx not in self.link.layers:
            return attend_densely(module, query, key, value, mask, **kwargs)
        if mask is not None and mask.ndim == 4:
            self.statistics.dense_masked += 1
            return attend_densely(module, query, key, value, mask, **kwargs)
        layer = self.link.index(module.layer_idx)
        if forward.columns is None:
            self._see_columns(forward, key, mask)
        if self._is_sparse(forward, key):
            columns = self._select(forward, layer, query, key)
            if columns is not None:
                self.statistics.selected += 1
                return attend_selected(query, key, value, columns, kwargs.get("scaling")), None
        elif self.policy is not None:
            self._send(forward, layer, key)
        return attend_densely(module, query, key, value, mask, **kwargs)

    def _is_sparse(self, forward: _Forward, key: torch.Tensor) -> bool:
        """Whether a layer attends to a selection; counts why not."""
        columns = key.shape[2]
        if self.policy is None or self.rule.is_dense(
            columns, 2 * key.numel() * key.element_size(), self.policy.k, key.device.type
        ):
            self.statistics.dense_short += 1
        elif forward.past == 0 or forward.tokens > self.max_decode_tokens:
            self.statistics.dense_prefill += 1
        elif self.link.availability.is_away():
            self.statistics.dense_unavailable += 1
        else:
            return True
        return False

    def _select(
        self, forward: _Forward, layer: int, query: torch.Tensor, key: torch.Tensor
    ) -> torch.Tensor | None:
        """Selected columns [batch, tokens, lists, width], or None while the server is away."""
        try:
            columns = forward.cache.selector.select(layer, query, key, forward.columns, self.policy)
        except kvsift.UnavailableError as error:
            self.statistics.failures += 1
            self.link.availability.report(error)
            self.statistics.dense_unavailable += 1
            return None
        self.link.availability.answered()
        return columns

    def _send(self, forward: _Forward, layer: int, key: torch.Tensor) -> None:
        """Sends a layer's new keys ahead of the selections that will need them.

        Below the crossover none may: they go when the rows have grown.
        """
        kv_bytes = 2 * key.numel() * key.element_size()
        short = self.rule.is_dense(key.shape[2], kv_bytes, self.policy.k, key.device.type)
        if not short and not self.link.availability.is_away():
            sequences = forward.cache.sequences
            forward.cache.ingest.send(layer, key, forward.columns, sequences.leaders())

    def _see_columns(self, forward: _Forward, key: torch.Tensor, mask: torch.Tensor | None) -> None:
        """Takes note of where the rows' tokens are, and begins their sequences."""
        cache = forward.cache
        forward.columns = cache.columns = Columns(key.shape[0], key.shape[2], mask)
        if cache.sequences is None:
            fresh = forward.past == 0
            cache.start(forward.groups if fresh else list(range(key.shape[0])))
        elif not cache.sequences.agree_with(forward.groups):
            cache.part()

    def _begin(
        self, decoder: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Before a forward: makes its cache one of ours."""
        self._forward = None
        names = (self.cache_name, "past_key_values")
        name = next((n for n in names if kwargs.get(n) is not None), self.cache_name)
        cache = kwargs.get(name)
        if cache is None:
            use_cache = kwargs.get("use_cache")
            if not (decoder.config.use_cache if use_cache is None else use_cache):
                return args, kwargs
            cache = DynamicCache(config=decoder.config)
        cache = adopt(cache, self)
        inputs = kwargs.get("input_ids", args[0] if args else None)
        embeds = kwargs.get("inputs_embeds")
        shape = inputs.shape if inputs is not None else embeds.shape
        groups = _alike(inputs, kwargs.get("attention_mask"), shape[0])
        self._forward = _Forward(cache, cache.get_seq_length(), shape[1], groups)
        return args, {**kwargs, name: cache}

    def _end(self, *_: Any) -> None:
        """After a forward: sends what is still on its way to the host."""
        forward, self._forward = self._forward, None
        if forward is None or forward.cache.sequences is None or self.link.availability.is_away():
            return
        forward.cache.ingest.flush(wait=True)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention that Transformers knows as "kvsift"; belongs to a model's worker."""
    worker = getattr(module, "kvsift_worker", None)
    if worker is None:
        raise RuntimeError(
            'attention "kvsift" needs kvsift.transformers.attach(model, client, ...)'
        )
    return worker.attend(module, query, key, value, attention_mask, **kwargs)


def _alike(inputs: torch.Tensor | None, mask: torch.Tensor | None, rows: int) -> list[int]:
    """A number per row; rows of one number bring the same tokens."""
    if inputs is None or rows == 1:
        return list(range(rows))
    if isinstance(mask, torch.Tensor) and mask.ndim == 2:
        inputs = torch.cat([inputs, mask[:, -inputs.shape[1] :].to(inputs.dtype)], dim=1)
    return torch.unique(inputs, dim=0, return_inverse=True)[1].tolist()
