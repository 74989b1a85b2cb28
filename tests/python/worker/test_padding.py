"""Padding is no position: rows of a padded batch decode as if it were not there."""

from __future__ import annotations

import kvsift
import pytest
import torch
from tiny_models import generate, padded, prompt


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_batch_generates_what_it_does_densely(side, model, attach):
    inputs = padded(side)
    dense = generate(model, **inputs)
    attach(model)
    selected = generate(model, **inputs)
    assert selected.sequences.tolist() == dense.sequences.tolist()
    torch.testing.assert_close(selected.scores, dense.scores, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_server_holds_real_tokens_only(model, attach):
    worker = attach(model)
    cache = model(**padded("left"), use_cache=True)[1]
    cache.ingest.settle()
    lengths = [worker.link.store.get_sequence(i).lengths for i in cache.sequences.ids]
    assert lengths == [dict.fromkeys([1, 2, 3], n) for n in (40, 33, 26)]


@torch.no_grad()
def test_padded_row_selects_as_it_does_alone(model, attach):
    inputs = padded("left")
    worker = attach(model, kvsift.Policy(k=6))
    together = decode(worker, model, inputs["input_ids"], inputs["attention_mask"])
    for row, padding in enumerate((0, 7, 14)):
        alone = decode(worker, model, inputs["input_ids"][row : row + 1, padding:], None)
        torch.testing.assert_close(together[row], alone[0], rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_padding_inside_a_decoded_chunk_sees_nothing_and_is_not_sent(model, attach):
    ids, mask = prompt(rows=2, tokens=44), torch.ones(2, 44, dtype=torch.long)
    mask[1, 41:] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    dense = model(ids, attention_mask=mask, position_ids=positions).logits
    worker = attach(model)
    cache = model(ids[:, :40], attention_mask=mask[:, :40], use_cache=True)[1]
    chunk = model(
        ids[:, 40:],
        attention_mask=mask,
        position_ids=positions[:, 40:],
        **{worker.cache_name: cache},
    ).logits
    torch.testing.assert_close(chunk[mask[:, 40:] == 1], dense[:, 40:][mask[:, 40:] == 1])
    assert worker.link.store.get_sequence(cache.sequences.ids[1]).lengths[3] == 41


def decode(worker, model, ids, mask):
    """Logits of the last of `ids`, decoded alone after the others."""
    positions = None if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    before = {} if mask is None else {"attention_mask": mask[:, :-1]}
    after = {} if mask is None else {"attention_mask": mask}
    if positions is not None:
        before["position_ids"], after["position_ids"] = positions[:, :-1], positions[:, -1:]
    cache = model(ids[:, :-1], **before, use_cache=True)[1]
    return model(ids[:, -1:], **after, **{worker.cache_name: cache}).logits[:, -1]
