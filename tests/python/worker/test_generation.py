"""What generation does to a cache happens to the sequences on the server."""

from __future__ import annotations

import copy
import gc

import kvsift
import pytest
import torch
from tiny_models import generate, padded, prompt, tiny

MODES = {
    "beams": {"num_beams": 3},
    "beams of a padded batch": {"num_beams": 3, "num_return_sequences": 2, **padded("left")},
    "prompt lookup": {"prompt_lookup_num_tokens": 4, "input_ids": prompt(rows=1)},
    "prefill in chunks": {"prefill_chunk_size": 16},
}


@pytest.mark.parametrize("mode", MODES)
def test_generates_the_same_as_densely(mode, model, attach):
    inputs = {"input_ids": prompt(), **MODES[mode]}
    dense = generate(model, **inputs)
    worker = attach(model)
    selected = generate(model, **inputs)
    assert selected.sequences.tolist() == dense.sequences.tolist()
    assert worker.statistics.selected > 0


@pytest.mark.parametrize("k", [4, 4096])
def test_assisted_generation_equals_unassisted(k, model, attach):
    """Rejected drafts leave no trace: what they put on the server is truncated."""
    ids = prompt(rows=1)
    worker = attach(model, kvsift.Policy(k=k))
    alone = generate(model, input_ids=ids)
    assistant = tiny("llama", num_hidden_layers=1)
    assisted = generate(model, input_ids=ids, assistant_model=assistant)
    assert worker.statistics.truncations > 0
    # The first forward with an assistant reads prompt and drafts at once: a dense prefill.
    same = 40 + (12 if k == 4096 else 1)
    assert assisted.sequences[0, :same].tolist() == alone.sequences[0, :same].tolist()


def test_samples_of_one_prompt_share_its_positions(model, attach):
    worker = attach(model)
    torch.manual_seed(1)
    dense_free = generate(
        model, input_ids=prompt(rows=1), num_return_sequences=4, do_sample=True
    ).sequences
    assert len({tuple(row) for row in dense_free.tolist()}) > 1
    assert worker.statistics.forks == 3
    # Three layers: the prompt once, then eleven tokens of four samples.
    assert worker.statistics.positions_sent == 3 * (40 + 4 * 11)


def test_sequences_are_released_when_their_cache_is_gone(model, attach):
    worker = attach(model)
    before = len(worker.link.store.list_sequences())
    outputs = generate(model, input_ids=prompt(), num_beams=2)
    assert len(worker.link.store.list_sequences()) > before
    del outputs
    gc.collect()
    assert len(worker.link.store.list_sequences()) == before


@torch.no_grad()
def test_deep_copy_of_a_prefix_is_a_fork(model, attach):
    ids = prompt(rows=1)
    worker = attach(model, kvsift.Policy(k=8))
    prefix = model(ids[:, :30], use_cache=True)[1]
    logits = []
    for _ in range(2):
        cache = copy.deepcopy(prefix)
        logits.append(model(ids[:, 30:], **{worker.cache_name: cache}).logits)
    whole = model(ids[:, 30:], **{worker.cache_name: prefix}).logits
    assert worker.statistics.forks == 2
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], whole)


@torch.no_grad()
def test_cropped_cache_decodes_as_if_the_rest_had_never_been(model, attach):
    ids, other = prompt(rows=2), prompt(rows=2, seed=1)
    worker = attach(model, kvsift.Policy(k=8))

    def decode(cache, tokens):
        return [
            model(tokens[:, t : t + 1], **{worker.cache_name: cache}).logits for t in range(30, 36)
        ]

    expected = decode(model(ids[:, :30], use_cache=True)[1], ids)
    cache = model(ids[:, :30], use_cache=True)[1]
    decode(cache, other)
    cache.crop(-6)
    assert worker.statistics.truncations == 2
    for found, wanted in zip(decode(cache, ids), expected, strict=True):
        assert torch.equal(found, wanted)


@torch.no_grad()
def test_selected_and_repeated_rows_keep_their_positions(model, attach):
    ids = prompt(rows=3)
    worker = attach(model, kvsift.Policy(k=8))
    alone = model(ids[:, 30:31], **{worker.cache_name: model(ids[:, :30], use_cache=True)[1]})
    cache = model(ids[:, :30], use_cache=True)[1]
    cache.batch_select_indices(torch.tensor([2, 0]))
    cache.batch_repeat_interleave(2)
    rows = [2, 2, 0, 0]
    chosen = model(ids[rows, 30:31], **{worker.cache_name: cache})
    torch.testing.assert_close(chosen.logits, alone.logits[rows], rtol=1e-4, atol=1e-4)
    assert worker.statistics.forks == 2


@torch.no_grad()
def test_reset_cache_starts_again(model, attach):
    ids = prompt()
    worker = attach(model, kvsift.Policy(k=8))
    cache = model(ids, use_cache=True)[1]
    first = list(cache.sequences.ids)
    cache.reset()
    model(ids, **{worker.cache_name: cache})
    assert set(first).isdisjoint(cache.sequences.ids)
    with pytest.raises(kvsift.NotFoundError):
        worker.link.store.get_sequence(first[0])


@torch.no_grad()
def test_cache_that_was_filled_before_is_taken_over(model, attach):
    ids = prompt()
    dense = model(ids).logits[:, -1]
    filled = model(ids[:, :-1], use_cache=True)[1]
    worker = attach(model)
    selected = model(ids[:, -1:], **{worker.cache_name: filled}).logits[:, -1]
    torch.testing.assert_close(selected, dense, rtol=1e-4, atol=1e-4)
    assert worker.statistics.positions_sent == 3 * 2 * 40
