"""A layer attends to exactly what the service selects for it."""

from __future__ import annotations

import kvsift
import numpy as np
import pytest
import torch
from kvsift.torch import encode_keys
from kvsift.transformers import ingest
from tiny_models import prompt
from transformers.modeling_utils import AttentionInterface

SCALE = 0.05


class Recorder:
    """Dense attention that keeps what each layer was called with."""

    def __init__(self, model):
        self.calls = {}
        AttentionInterface.register("recorded", self)
        model.set_attn_implementation("recorded")

    def __call__(self, module, query, key, value, mask, **kwargs):
        self.calls[module.layer_idx] = query, key, value
        return AttentionInterface()["sdpa"](module, query, key, value, mask, **kwargs)


@pytest.mark.parametrize("tokens", [1, 5])
@pytest.mark.parametrize("grouping", ["head", "group_max", "group_sum", "group_union", "layer_max"])
@torch.no_grad()
def test_output_is_attention_over_the_selected_positions(grouping, tokens, model, attach, client):
    ids, policy = prompt(rows=1, tokens=60), kvsift.Policy(k=8, grouping=grouping, sinks=1)
    record = Recorder(model)
    model(ids)
    query, key, value = (states[0] for states in record.calls[1])  # layer 0 is dense: equal inputs
    expected = [
        masked_attention(
            query[:, t], key, value, select(client, query[:, t], key[:, : t + 1], policy)
        )
        for t in range(60 - tokens, 60)
    ]
    outputs = []
    hook = model.model.layers[1].self_attn.o_proj.register_forward_pre_hook(
        lambda _, inputs: outputs.append(inputs[0])
    )
    worker = attach(model, policy)
    cache = model(ids[:, :-tokens], use_cache=True)[1]
    model(ids[:, -tokens:], **{worker.cache_name: cache})
    hook.remove()
    found = outputs[-1].view(tokens, 6, 8)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-5)


def select(client, query, key, policy):
    """Lists of positions for one token, by query head, of all keys [kv_heads, tokens, dim]."""
    scales = np.full((1, 2), SCALE, np.float32)
    store = client.create_store(f"select/{policy.grouping}", [1], 2, 6, 8, key_scales=scales)
    if store.sequence_count:
        store.release(1)
    store.append(key.transpose(0, 1)[None].contiguous(), [1], [0])
    answer = store.select(1, query[None].contiguous(), [1], policy)
    lists = [row[:n] for row, n in zip(answer.positions, answer.counts, strict=True)]
    assert len(lists[0]) < key.shape[1]
    return [lists[head * len(lists) // 6] for head in range(6)]


def masked_attention(query, key, value, lists):
    """Softmax attention [query_heads, head_dim] of each head over its list."""
    rows = []
    for head, positions in enumerate(lists):
        k, v = key[head // 3][positions], value[head // 3][positions]
        rows.append(torch.softmax(k @ query[head] / 8**0.5, dim=0) @ v)
    return torch.stack(rows)


@torch.no_grad()
def test_keys_encoded_where_they_are_select_the_same(model, attach, monkeypatch):
    """As keys of a GPU are: codes travel in place of vectors."""
    ids = prompt(rows=2, tokens=80)
    worker = attach(model, kvsift.Policy(k=8))

    def logits():
        cache = model(ids[:, :-1], use_cache=True)[1]
        return model(ids[:, -1:], **{worker.cache_name: cache}).logits

    from_vectors = logits()
    encoded = []
    monkeypatch.setattr(ingest, "_ENCODING_DEVICES", ("cpu",))
    monkeypatch.setattr(
        ingest, "encode_keys", lambda *given: encoded.append(encode_keys(*given)) or encoded[-1]
    )
    assert torch.equal(logits(), from_vectors)
    assert [codes.shape for codes in encoded] == [(158, 2, 2, 1)] * 3


def test_new_token_is_selected_like_any_other(model, attach, client):
    """With k = 1 a list holds the best key, not always the token itself."""
    worker = attach(model, kvsift.Policy(k=1))
    lists = []
    select = worker_select(worker, lists)
    ids = prompt(rows=1)
    with torch.no_grad():
        cache = model(ids[:, :-1], use_cache=True)[1]
        select(cache)
        model(ids[:, -1:], **{worker.cache_name: cache})
    chosen = torch.cat(lists).flatten()
    assert (chosen != 39).any()


def worker_select(worker, lists):
    """Keeps what the selector of a cache answers."""

    def keep(cache):
        answer = cache.selector.select

        def select(*arguments):
            lists.append(answer(*arguments))
            return lists[-1]

        cache.selector.select = select

    return keep
