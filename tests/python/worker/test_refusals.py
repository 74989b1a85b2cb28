"""What cannot work is refused by name; what stays dense does so by rule."""

from __future__ import annotations

import kvsift
import numpy as np
import pytest
import torch
import transformers
from kvsift.transformers import UnsupportedModelError
from tiny_models import generate, prompt, tiny

SHAPE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
}


def gemma2():
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**SHAPE))


def gpt_oss():
    config = transformers.GptOssConfig(
        **SHAPE, num_local_experts=2, num_experts_per_tok=1, layer_types=["full_attention"] * 4
    )
    return transformers.GptOssForCausalLM(config)


def deepseek():
    config = transformers.DeepseekV3Config(
        **{**SHAPE, "head_dim": 8, "num_key_value_heads": 4},
        q_lora_rank=8,
        kv_lora_rank=8,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=8,
        n_routed_experts=2,
        num_experts_per_tok=1,
        n_group=1,
        topk_group=1,
    )
    return transformers.DeepseekV3ForCausalLM(config)


def t5():
    config = transformers.T5Config(
        vocab_size=97, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2
    )
    return transformers.T5ForConditionalGeneration(config)


def mamba():
    config = transformers.MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2)
    return transformers.MambaForCausalLM(config)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (gemma2, "capped at 50"),
        (gpt_oss, "attention sinks"),
        (deepseek, "latent"),
        (t5, "encoder"),
        (mamba, "not exchangeable|layers have attention"),
        (lambda: tiny("mistral", sliding_window=16), "no layer from 1 on has full attention"),
        (lambda: tiny("llama", head_dim=512, num_hidden_layers=2), "head_dim 512"),
    ],
)
def test_models_that_cannot_select_are_refused_before_anything_changes(make, reason, client):
    model = make()
    implementation = model.config._attn_implementation
    with pytest.raises(UnsupportedModelError, match=reason):
        kvsift.transformers.attach(model, client, scales=np.ones((4, 2)), dense_layers=1)
    assert model.config._attn_implementation == implementation


def test_layers_with_sliding_windows_stay_dense(attach):
    model = tiny(
        "qwen2",
        use_sliding_window=True,
        sliding_window=16,
        layer_types=["full_attention", "sliding_attention"] * 2,
    )
    dense = generate(model, input_ids=prompt())
    worker = attach(model)
    assert worker.link.layers == [2]
    selected = generate(model, input_ids=prompt())
    assert selected.sequences.tolist() == dense.sequences.tolist()
    assert worker.statistics.selected == 11


def test_mask_of_another_pattern_stays_dense(model, attach):
    ids = prompt(rows=1, tokens=12)
    worker = attach(model)
    with torch.no_grad():
        cache = model(ids[:, :-1], use_cache=True)[1]
        visible = torch.ones(1, 1, 1, 12, dtype=torch.bool)
        model(ids[:, -1:], attention_mask=visible, **{worker.cache_name: cache})
    assert worker.statistics.dense_masked == 3


@pytest.mark.parametrize("implementation", ["static", "offloaded"])
def test_caches_of_other_kinds_are_refused(implementation, model, attach):
    attach(model)
    with pytest.raises((TypeError, RuntimeError), match=r"DynamicCache|CUDA|cuda"):
        generate(model, input_ids=prompt(), cache_implementation=implementation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": np.ones((4, 3))}, r"shape \(4, 3\), expected \[layers, 2\]"),
        ({"scales": np.ones((2, 2))}, r"shape \(2, 2\)"),
        ({"scales": None}, "name an existing"),
        ({"dense_below": -1}, "dense_below: -1"),
        ({"dense_below": "never"}, "dense_below: 'never'"),
        ({"on_unavailable": "retry"}, "on_unavailable: 'retry'"),
    ],
)
def test_wrong_options_are_refused(options, message, model, client):
    with pytest.raises(ValueError, match=message):
        kvsift.transformers.attach(model, client, **{"scales": np.ones((4, 2)), **options})


def test_store_of_another_model_is_refused(model, client):
    client.create_store("another", [1, 2], 3, 6, 8)
    with pytest.raises(ValueError, match="store 'another': kv_heads, query_heads, head_dim"):
        kvsift.transformers.attach(model, client, store="another")


def test_existing_store_is_used(model, client, attach):
    scales = np.full((2, 2), 0.05, np.float32)
    client.create_store("existing", [1, 3], 2, 6, 8, key_scales=scales)
    worker = attach(model, scales=None, store="existing")
    generate(model, input_ids=prompt())
    assert worker.statistics.selected == 2 * 11


def test_attention_without_a_worker_says_what_it_needs(attach, model):
    attach(model).detach()
    model.set_attn_implementation("kvsift")
    with pytest.raises(RuntimeError, match=r"needs kvsift.transformers.attach"):
        model(prompt())


def test_second_worker_of_a_model_is_refused(attach, model):
    attach(model)
    with pytest.raises(ValueError, match="detach that one first"):
        attach(model)
