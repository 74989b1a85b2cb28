"""What a selection holds, and who owns its memory."""

from __future__ import annotations

import gc

import kvsift
import numpy as np
import pytest
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS

POLICY = kvsift.Policy(k=16)
ROWS = {"head": 4, "group_max": 2, "group_sum": 2, "group_union": 2, "layer_max": 1}


def test_padded(filled: kvsift.Store, query: np.ndarray) -> None:
    selection = filled.select(LAYERS[0], query, [1], POLICY, visible_lengths=[10])
    assert selection.ok and selection.errors == ()
    assert (selection.rows, selection.width) == (QUERY_HEADS, 16)
    assert selection.counts.dtype == selection.positions.dtype == np.int32
    assert selection.counts.tolist() == [10] * QUERY_HEADS
    assert selection.positions.tolist() == [[*range(10), *[-1] * 6]] * QUERY_HEADS
    assert selection.offsets is None and selection.scores is None
    assert selection.entry_rows.tolist() == [0, QUERY_HEADS]
    assert selection.lengths.tolist() == [100]
    assert selection.epochs.tolist() == [filled.get_sequence(1).epoch]
    assert selection.server_incarnation == filled.client.get_server().incarnation
    assert repr(selection) == "Selection(rows=4, width=16, entries=1, errors=0)"


@pytest.mark.parametrize("grouping", ROWS)
def test_groupings(filled: kvsift.Store, query: np.ndarray, grouping: str) -> None:
    policy = kvsift.Policy(k=16, grouping=grouping)
    padded = filled.select(LAYERS[0], query, [1], policy)
    assert padded.positions.shape == (ROWS[grouping], 32 if grouping == "group_union" else 16)
    packed = filled.select(LAYERS[0], query, [1], policy, layout="packed")
    assert packed.positions.tolist() == padded.positions[padded.positions >= 0].tolist()
    assert packed.offsets.tolist() == [0, *np.cumsum(padded.counts).tolist()]


def test_scores_order_the_positions(filled: kvsift.Store, query: np.ndarray) -> None:
    every = filled.select(LAYERS[0], query, [1], kvsift.Policy(k=100), scores=True)
    best = filled.select(LAYERS[0], query, [1], POLICY, scores=True)
    for row in range(best.rows):
        # The best score first, and of equal ones the most recent.
        order = np.lexsort((-every.positions[row], -every.scores[row]))[:16]
        assert best.positions[row].tolist() == sorted(every.positions[row][order].tolist())
        assert best.scores[row].tolist() == every.scores[row][best.positions[row]].tolist()


def test_memory_outlives_the_selection(filled: kvsift.Store, query: np.ndarray) -> None:
    selection = filled.select(LAYERS[0], query, [1], POLICY)
    positions, row = selection.positions, selection.row(1)
    copy = positions.copy()
    del selection
    gc.collect()
    for _ in range(20):
        filled.select(LAYERS[0], -query, [1], POLICY)
    assert (positions == copy).all() and (row == copy[1]).all()
    positions[0, 0] = -7  # it is the caller's to write
    with pytest.raises(IndexError, match="row: 4, expected 0 to 3"):
        filled.select(LAYERS[0], query, [1], POLICY).row(QUERY_HEADS)


@pytest.mark.parametrize("shape", [(4, 16), (4, 20), (1, 4, 16), (2, 2, 16)])
def test_out(filled: kvsift.Store, query: np.ndarray, shape: tuple[int, ...]) -> None:
    expected = filled.select(LAYERS[0], query, [1], POLICY, visible_lengths=[10])
    out = np.full(shape, 99, np.int32)
    selection = filled.select(LAYERS[0], query, [1], POLICY, visible_lengths=[10], out=out)
    assert selection.positions is out
    rows = out.reshape(4, shape[-1])
    assert (rows[:, :16] == expected.positions).all() and (rows[:, 16:] == -1).all()


def test_packed_out(filled: kvsift.Store, query: np.ndarray) -> None:
    out = np.full(70, 99, np.int32)
    packed = filled.select(
        LAYERS[0], query, [1], POLICY, visible_lengths=[10], layout="packed", out=out
    )
    assert packed.offsets.tolist() == [0, 10, 20, 30, 40]
    assert out.tolist() == [*range(10)] * 4 + [99] * 30


def test_batch(filled: kvsift.Store, rng: np.random.Generator) -> None:
    """Two sequences, three tokens, two policies and one sequence that does not exist."""
    keys = rng.standard_normal((len(LAYERS), 30, KV_HEADS, HEAD_DIM), np.float32)
    filled.append(keys, [2], [0])
    queries = rng.standard_normal((4, QUERY_HEADS, HEAD_DIM), np.float32)
    policies = [POLICY, kvsift.Policy(k=8, grouping="group_max")]
    arguments = {"query_tokens": [2, 1, 1], "policy_index": [0, 1, 0]}
    with pytest.raises(kvsift.BatchError) as raised:
        filled.select(LAYERS[0], queries, [1, 2, 9], policies, **arguments)
    error = raised.value
    assert (error.code, [e.entry for e in error.errors]) == ("NOT_FOUND", [2])
    assert "entry 2: NOT_FOUND: sequence_id: 9" in str(error)
    selection = filled.select(LAYERS[0], queries, [1, 2, 9], policies, check=False, **arguments)
    assert not selection.ok and selection.errors == error.errors
    for batch in (selection, error.result):
        assert batch.entry_rows.tolist() == [0, 8, 10, 14]
        assert batch.counts.tolist() == [16] * 8 + [8] * 2 + [0] * 4
        assert batch.lengths.tolist() == [100, 30, 0]
    alone = filled.select(LAYERS[0], queries[2:3], [2], policies[1])
    assert (selection.positions[8:10, :8] == alone.positions).all()


def test_nothing_to_select(filled: kvsift.Store) -> None:
    none = np.zeros((0, QUERY_HEADS, HEAD_DIM), np.float32)
    selection = filled.select(LAYERS[0], none, [], POLICY)
    assert (selection.rows, selection.positions.size) == (0, 0)
    assert selection.entry_rows.tolist() == [0]
    selection = filled.select(LAYERS[0], none, [1], POLICY, query_tokens=[0], scores=True)
    assert (selection.rows, selection.lengths.tolist()) == (0, [100])


def test_step_appends_then_selects(filled: kvsift.Store, rng: np.random.Generator) -> None:
    keys = rng.standard_normal((3, KV_HEADS, HEAD_DIM), np.float32)
    queries = rng.standard_normal((2, QUERY_HEADS, HEAD_DIM), np.float32)
    policy = kvsift.Policy(k=16, window=1)
    step = filled.step(
        LAYERS[1], keys, queries, [1, 2], [100, 0], policy, key_counts=[2, 1], query_tokens=[2, 0]
    )
    assert step.lengths.tolist() == [102, 1]
    assert step.entry_rows.tolist() == [0, 8, 8]
    assert step.positions[:4].max() == 100 and step.positions[4:].max() == 101
    again = filled.select(LAYERS[1], queries, [1], policy, query_tokens=[2])
    assert (step.positions == again.positions).all()
    assert filled.get_sequence(1).lengths == {3: 100, 5: 102}
