"""kvsift.flashinfer gives page tables that mean what FlashInfer's documentation says.

FlashInfer's kernels are not run: paged_decode below computes what its page tables describe.
"""

import pytest

torch = pytest.importorskip("torch")

import kvsift
from kvsift.flashinfer import split_cache, split_queries, token_table

ENTRIES, POSITIONS, KV_HEADS, QUERY_HEADS, HEAD_DIM = 3, 40, 2, 6, 32
LENGTHS = [40, 7, 23]


def paged_decode(queries, key_pages, value_pages, table):
    """What FlashInfer says that it computes, for requests [requests, heads, head_dim].

    Attention of each over the pages that indices[indptr[i]:indptr[i + 1]] names, the last of them
    with last_page_len tokens (1: all of it).
    """
    outputs = []
    for i, query in enumerate(queries):
        pages = table.indices[table.indptr[i] : table.indptr[i + 1]].long()
        assert table.last_page_len[i] == key_pages.shape[1] == 1
        keys, values = key_pages[pages, 0, 0], value_pages[pages, 0, 0]
        weights = torch.softmax(query @ keys.T / keys.shape[1] ** 0.5, dim=-1)
        outputs.append(weights @ values)
    return torch.stack(outputs)


@pytest.fixture
def store(new_store):
    return new_store(layer_ids=[0], query_heads=QUERY_HEADS, head_dim=HEAD_DIM)


@pytest.fixture
def cache():
    """Keys and values [slots, kv_heads, head_dim], and the slots [entries, positions]."""
    generator = torch.Generator().manual_seed(9)
    slots = ENTRIES * POSITIONS + 5
    keys, values = torch.randn(2, slots, KV_HEADS, HEAD_DIM, generator=generator)
    return keys, values, torch.randperm(slots, generator=generator)[:-5].view(ENTRIES, POSITIONS)


def select(store, cache, queries, **policy):
    keys, _, slots = cache
    for entry, length in enumerate(LENGTHS):
        store.append(keys[slots[entry, :length]][None], sequence_ids=[entry], starts=[0])
    policy = kvsift.Policy(k=8, **policy)
    return store.select(0, queries, range(ENTRIES), policy, layout="packed")


def test_attention_over_the_table_is_attention_over_the_selection(store, cache):
    keys, values, slots = cache
    queries = torch.randn(ENTRIES, QUERY_HEADS, HEAD_DIM)
    selection = select(store, cache, queries, grouping="group_max")
    table = token_table(selection, slots, KV_HEADS)
    assert all(part.dtype == torch.int32 for part in table)
    assert table.indptr.tolist() == selection.offsets.tolist()
    output = paged_decode(split_queries(queries, KV_HEADS), *split_cache(keys, values), table)
    output = output.view(ENTRIES, QUERY_HEADS, HEAD_DIM)
    group = QUERY_HEADS // KV_HEADS
    for entry in range(ENTRIES):
        for head in range(QUERY_HEADS):
            chosen = slots[entry, torch.from_numpy(selection.row(entry * 2 + head // group)).long()]
            weights = torch.softmax(
                keys[chosen, head // group] @ queries[entry, head] / HEAD_DIM**0.5, dim=0
            )
            expected = weights @ values[chosen, head // group]
            torch.testing.assert_close(output[entry, head], expected)


def test_with_room_for_all_positions_it_is_dense_attention(store, cache):
    keys, values, slots = cache
    queries = torch.randn(ENTRIES, QUERY_HEADS, HEAD_DIM)
    for entry, length in enumerate(LENGTHS):
        store.append(keys[slots[entry, :length]][None], sequence_ids=[entry], starts=[0])
    policy = kvsift.Policy(k=64, grouping="group_max")
    selection = store.select(0, queries, range(ENTRIES), policy, layout="packed")
    table = token_table(selection, slots, KV_HEADS)
    output = paged_decode(split_queries(queries, KV_HEADS), *split_cache(keys, values), table)
    for entry, length in enumerate(LENGTHS):
        seen = slots[entry, :length]
        expected = torch.nn.functional.scaled_dot_product_attention(
            queries[entry][:, None],
            keys[seen].transpose(0, 1).repeat_interleave(3, 0),
            values[seen].transpose(0, 1).repeat_interleave(3, 0),
        )
        torch.testing.assert_close(output.view(ENTRIES, QUERY_HEADS, 1, HEAD_DIM)[entry], expected)


def test_an_entry_that_failed_has_empty_rows(store, cache):
    slots = cache[2]
    queries = torch.randn(ENTRIES, QUERY_HEADS, HEAD_DIM)
    select(store, cache, queries, grouping="group_max")
    policy = kvsift.Policy(k=8, grouping="group_max")
    selection = store.select(0, queries, [0, 99, 2], policy, layout="packed", check=False)
    table = token_table(selection, slots, KV_HEADS)
    assert (table.indptr[1:] - table.indptr[:-1]).tolist() == [8, 8, 0, 0, 8, 8]
    assert table.last_page_len.tolist() == [1] * 6


def test_what_does_not_fit_is_refused(store, cache):
    keys, values, slots = cache
    queries = torch.randn(ENTRIES, QUERY_HEADS, HEAD_DIM)
    padded = store.select  # one call below, without layout="packed"
    selection = select(store, cache, queries, grouping="group_max")
    with pytest.raises(ValueError, match="slots: of 10 positions, must have position"):
        token_table(selection, slots[:, :10], KV_HEADS)
    with pytest.raises(ValueError, match="selection: 6 rows, must be 2 entries x 2 kv heads"):
        token_table(selection, slots[:2], KV_HEADS)
    heads = select(store, cache, queries, grouping="head")
    with pytest.raises(ValueError, match="selection: 18 rows"):
        token_table(heads, slots, KV_HEADS)
    with pytest.raises(ValueError, match="selection: padded"):
        token_table(padded(0, queries, range(3), kvsift.Policy(k=8)), slots, KV_HEADS)
    with pytest.raises(ValueError, match=r"value_cache: strides .* must be contiguous"):
        split_cache(keys, values.transpose(0, 1))
    with pytest.raises(ValueError, match="queries: 6 heads, must be a multiple of 4 kv heads"):
        split_queries(queries, 4)
