"""Where k covers the whole context, selections change nothing: logits equal the dense ones.

The tolerance is what float order costs: the listed keys are summed up in another order.
"""

from __future__ import annotations

import kvsift
import pytest
import torch
from tiny_models import FAMILIES, generate, prompt, tiny

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_logits_equal_dense_ones_in_prefill_decode_and_chunks(family, attach):
    model, ids = tiny(family), prompt()
    dense = model(ids).logits
    worker = attach(model)
    prefill = model(ids[:, :30], use_cache=True)
    cache = prefill[1]
    token = model(ids[:, 30:31], **{worker.cache_name: cache}).logits
    chunk = model(ids[:, 31:], **{worker.cache_name: cache}).logits
    together = torch.cat([prefill.logits, token, chunk], dim=1)
    torch.testing.assert_close(together, dense, **TOLERANCE)
    assert worker.statistics.selected == 2 * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_generates_the_same_tokens(family, attach):
    model, ids = tiny(family), prompt()
    dense = generate(model, input_ids=ids)
    worker = attach(model)
    selected = generate(model, input_ids=ids)
    assert selected.sequences.tolist() == dense.sequences.tolist()
    torch.testing.assert_close(selected.scores, dense.scores, **TOLERANCE)
    assert worker.statistics.selected == 11 * 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_models_stay_within_their_precision(dtype, attach):
    model, ids = tiny("llama", initializer_range=0.1).to(dtype), prompt()
    dense = model(ids).logits[:, -1]
    worker = attach(model)
    cache = model(ids[:, :-1], use_cache=True)[1]
    selected = model(ids[:, -1:], **{worker.cache_name: cache}).logits[:, -1]
    assert worker.statistics.selected == 3
    tolerance = 64 * torch.finfo(dtype).eps
    torch.testing.assert_close(selected, dense, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("grouping", ["head", "group_max", "group_sum", "group_union", "layer_max"])
def test_every_grouping_lists_everything_when_k_is_large(grouping, model, attach):
    ids = prompt()
    dense = generate(model, input_ids=ids)
    attach(model, kvsift.Policy(k=512, grouping=grouping))
    assert generate(model, input_ids=ids).sequences.tolist() == dense.sequences.tolist()


def test_detached_model_is_as_before(model, attach, client):
    ids = prompt()
    dense = generate(model, input_ids=ids)
    with kvsift.transformers.attach(
        model, client, scales=[[0.05] * 2] * 4, policy=kvsift.Policy(k=4), dense_below=0
    ) as worker:
        few = generate(model, input_ids=ids)
        assert worker.statistics.selected > 0
    again = generate(model, input_ids=ids)
    assert torch.equal(again.scores[0], dense.scores[0])
    assert again.sequences.tolist() == dense.sequences.tolist()
    assert not torch.allclose(few.scores[-1], dense.scores[-1])
