"""A model's decode attention over the positions that a kvsift server selects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

import kvsift
from kvsift.transformers.cache import adopt, cache_argument
from kvsift.transformers.dense_rule import DenseRule
from kvsift.transformers.forward import Forward, alike
from kvsift.transformers.link import StoreLink
from kvsift.transformers.masks import attend_densely
from kvsift.transformers.selected_attention import attend_selected
from kvsift.transformers.statistics import Statistics
from kvsift.transformers.support import attention_layers

ATTENTION = "kvsift"


class Worker:
    """Serves the attention of one model; made by `attach`.

    `policy` may be exchanged between forwards; None attends densely. `statistics` counts what was
    done, `cache_name` is what the model calls its cache. As a context manager it detaches at the
    end. Not thread-safe, as its model's cache is not: one forward at a time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        link: StoreLink,
        policy: kvsift.Policy | None,
        rule: DenseRule,
        max_decode_tokens: int,
    ) -> None:
        """As attach() makes it. Raises ValueError if the model has a worker."""
        self.link = link
        self.policy = policy
        self.cache_name = cache_argument(model)
        self._rule = rule
        self._max_decode_tokens = max_decode_tokens
        self._model = model
        self._forward: Forward | None = None
        self._implementation = model.config._attn_implementation
        self._modules = list(attention_layers(model).values())
        if any(hasattr(module, "kvsift_worker") for module in self._modules):
            raise ValueError("the model has a worker already: detach that one first")
        for module in self._modules:
            module.kvsift_worker = self  # type: ignore[assignment]
        self._hooks = [
            model.base_model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.base_model.register_forward_hook(self._end, always_call=True),
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
        columns = None
        layer_id: Any = module.layer_idx
        if self._forward is not None and layer_id in self.link.layers:
            columns = self._columns(self._forward, layer_id, query, key, mask)
        if columns is None:
            return attend_densely(module, query, key, value, mask, **kwargs)
        return attend_selected(query, key, value, columns, kwargs.get("scaling")), None

    def _columns(
        self,
        forward: Forward,
        layer_id: int,
        query: torch.Tensor,
        key: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor | None:
        """Selected columns [batch, tokens, lists, width], or None if the layer stays dense.

        Sends the layer's new keys, with the selection or, in a prefill, ahead of it.
        """
        if mask is not None and mask.ndim == 4:
            self.statistics.count("dense_masked")
            return None
        if forward.columns is None:
            forward.see(key, mask, self._dense_because(forward, key))
        assert forward.columns is not None
        away, reason = self.link.availability.is_away(), forward.dense_because
        layer, cache = self.link.layers.index(layer_id), forward.cache
        if away or reason is not None or self.policy is None:
            if not away and reason == "dense_prefill":
                cache.ingest.send(layer, key, forward.columns)
            self.statistics.count(reason or "dense_unavailable")
            return None
        try:
            selected = cache.selector.select(layer, query, key, forward.columns, self.policy)
        except kvsift.UnavailableError as error:
            self.link.availability.report(error)
            self.statistics.count("dense_unavailable")
            return None
        self.link.availability.answered()
        self.statistics.count("selected")
        return selected

    def _dense_because(self, forward: Forward, key: torch.Tensor) -> str | None:
        """Why layers stay dense, as Statistics counts it; None if they select."""
        kv_bytes = 2 * key.numel() * key.element_size()
        if self.policy is None or self._rule.is_dense(
            key.shape[2], kv_bytes, self.policy.k, key.device.type
        ):
            return "dense_short"
        if forward.past == 0 or forward.tokens > self._max_decode_tokens:
            return "dense_prefill"
        return None

    def _begin(
        self, decoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
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
        rows, tokens = (kwargs["inputs_embeds"] if inputs is None else inputs).shape[:2]
        groups = alike(inputs, kwargs.get("attention_mask"), rows)
        self._forward = Forward(cache, cache.get_seq_length(), tokens, groups)
        return args, {**kwargs, name: cache}

    def _end(self, *_: Any) -> None:
        """After a forward: sends what is still on its way to the host."""
        forward, self._forward = self._forward, None
        if forward is None or forward.cache.sequences is None or self.link.availability.is_away():
            return
        forward.cache.ingest.flush(wait=True)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention that Transformers knows as "kvsift"; belongs to a model's worker."""
    worker: Worker | None = getattr(module, "kvsift_worker", None)
    if worker is None:
        raise RuntimeError(
            'attention "kvsift" needs kvsift.transformers.attach(model, client, ...)'
        )
    return worker.attend(module, query, key, value, attention_mask, **kwargs)
