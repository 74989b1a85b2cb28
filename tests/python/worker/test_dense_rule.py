"""When a decode step stays dense."""

from __future__ import annotations

import kvsift
import torch
from kvsift.transformers import dense_rule
from kvsift.transformers.dense_rule import DenseRule
from tiny_models import generate, prompt


def test_zero_always_selects():
    assert not DenseRule(0).is_dense(columns=1, kv_bytes=1, k=256, device="cpu")


def test_columns_decide_where_they_are_given():
    assert DenseRule(1000).is_dense(columns=999, kv_bytes=1 << 40, k=1, device="cpu")
    assert not DenseRule(1000).is_dense(columns=1000, kv_bytes=1, k=4096, device="cpu")


def test_bytes_of_the_batch_decide_by_themselves():
    for device, crossover in dense_rule.CROSSOVER_BYTES.items():
        assert DenseRule().is_dense(100_000, crossover - 1, 256, device)
        assert not DenseRule().is_dense(100_000, crossover, 256, device)


def test_a_selection_of_everything_is_not_asked_for():
    assert DenseRule().is_dense(columns=256, kv_bytes=1 << 40, k=256, device="cpu")


def test_short_rows_send_nothing_until_they_have_grown(model, attach):
    """Dense up to 45 columns; then everything is sent and selected."""
    worker = attach(model, kvsift.Policy(k=4), dense_below=46)
    generate(model, input_ids=prompt(rows=1))
    # Forwards see 40, 41, ... 51 columns; those of 46 and more select.
    assert worker.statistics.dense_short == 3 * 6
    assert worker.statistics.selected == 3 * 6
    assert worker.statistics.positions_sent == 3 * 51


def test_without_a_policy_all_is_dense(model, attach):
    dense = generate(model, input_ids=prompt())
    worker = attach(model)
    with worker.using(None):
        found = generate(model, input_ids=prompt())
    assert all(map(torch.equal, found.scores, dense.scores))
    assert worker.statistics.selected == worker.statistics.positions_sent == 0
    assert worker.policy == kvsift.Policy(k=4096)
