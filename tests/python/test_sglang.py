"""kvsift.sglang keeps the contract of SGLang's BaseSparseAlgorithm, on small arrays."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import kvsift
from kvsift.sglang import KvsiftAlgorithm

LAYERS, KV_HEADS, QUERY_HEADS, HEAD_DIM, K = 2, 2, 4, 32, 8


class Engine:
    """What SGLang has: a pool of key slots, a table of requests, and states."""

    def __init__(self, requests: int = 4, positions: int = 64) -> None:
        generator = torch.Generator().manual_seed(5)
        slots = requests * positions
        shape = (slots, KV_HEADS, HEAD_DIM)
        self.keys = [torch.randn(*shape, generator=generator) for _ in range(LAYERS)]
        self.req_to_token = torch.randperm(slots, generator=generator).view(requests, positions)
        self.states = SimpleNamespace(
            repr_constructed=torch.zeros(requests, dtype=torch.bool),
            last_constructed_page=torch.zeros(requests, dtype=torch.int64),
        )
        self.generator = generator

    def start(self, algorithm: KvsiftAlgorithm, page_size: int = 1) -> None:
        pool = SimpleNamespace(page_size=page_size)
        algorithm.initialize_representation_pool(0, LAYERS, pool, self, self.states)

    def attention_end(self, algorithm: KvsiftAlgorithm, requests: list, lengths: list) -> None:
        """Every layer of one forward pass: the calls that SparseCoordinator makes."""
        indices, seq_lens = torch.tensor(requests), torch.tensor(lengths)
        for layer in range(LAYERS):
            arguments = (layer, indices, seq_lens, self.keys[layer], None)
            algorithm.construct_representations(*arguments)
            algorithm.update_representations(*arguments)

    def queries(self, batch: int) -> torch.Tensor:
        return torch.randn(batch, QUERY_HEADS, HEAD_DIM, generator=self.generator)

    def keys_of(self, layer: int, request: int, length: int) -> np.ndarray:
        return self.keys[layer][self.req_to_token[request, :length]].numpy()


def batch_of(lengths: list) -> SimpleNamespace:
    return SimpleNamespace(seq_lens=torch.tensor(lengths))


@pytest.fixture
def store(new_store):
    return new_store(layer_ids=range(LAYERS), head_dim=HEAD_DIM)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def algorithm(store, engine):
    algorithm = KvsiftAlgorithm(store, K, first_sequence_id=1000)
    engine.start(algorithm)
    return algorithm


def retrieve(algorithm, queries, layer, requests, lengths, mask=None):
    mask = torch.ones(len(requests), dtype=torch.bool) if mask is None else torch.tensor(mask)
    return algorithm.retrieve_topk(
        queries, layer, torch.tensor(requests), mask, forward_batch=batch_of(lengths)
    )


def test_lists_are_those_of_the_server_and_the_token_of_this_step(store, engine, algorithm):
    engine.attention_end(algorithm, [2, 0], [40, 5])
    queries = engine.queries(2)
    for layer in range(LAYERS):
        positions, lengths = retrieve(algorithm, queries, layer, [2, 0], [41, 6])
        assert positions.shape == (2, K) and positions.dtype == torch.int32
        assert lengths.dtype == torch.int32 and lengths.tolist() == [K, 6]
        # The same, asked of a sequence that got the same keys as vectors.
        keys = engine.keys_of(layer, 2, 40)[None]
        store.append(keys, sequence_ids=[7], starts=[0], layer_ids=[layer])
        policy = kvsift.Policy(k=K - 1, grouping="layer_max")
        expected = store.select(layer, queries[:1].numpy(), [7], policy).row(0)
        assert positions[0].tolist() == [*expected.tolist(), 40]
        assert positions[1].tolist() == [0, 1, 2, 3, 4, 5, -1, -1]


def test_decode_appends_a_token_a_step(store, engine, algorithm):
    engine.attention_end(algorithm, [1], [9])
    for length in range(10, 13):
        _, lengths = retrieve(algorithm, engine.queries(1), 0, [1], [length])
        assert lengths.tolist() == [K]
        engine.attention_end(algorithm, [1], [length])
    assert store.list_sequences()[0].lengths == {0: 12, 1: 12}
    keys = torch.from_numpy(engine.keys_of(1, 1, 12)[None])
    # The same codes are there already: an append of other ones would fail.
    store.append(keys, sequence_ids=[1000], starts=[0], layer_ids=[1])


def test_requests_that_are_not_sparse_have_no_list(engine, algorithm):
    engine.attention_end(algorithm, [0, 1, 2], [20, 20, 20])
    positions, lengths = retrieve(
        algorithm, engine.queries(3), 0, [0, 1, 2], [21, 21, 21], mask=[False, True, False]
    )
    assert lengths.tolist() == [0, K, 0]
    assert (positions[[0, 2]] == -1).all() and (positions[1] >= 0).all()
    nobody, none = retrieve(algorithm, engine.queries(1), 0, [3], [21], mask=[False])
    assert (nobody == -1).all() and none.tolist() == [0]


def test_a_chunked_prompt_grows_one_sequence(store, engine, algorithm):
    engine.attention_end(algorithm, [3], [16])
    engine.attention_end(algorithm, [3], [40])
    assert [s.lengths for s in store.list_sequences()] == [{0: 40, 1: 40}]


def test_tokens_that_are_rolled_back_are_dropped(store, engine, algorithm):
    engine.attention_end(algorithm, [3], [40])
    with pytest.raises(ValueError, match="seq_lens: 36, must be 40 or 41"):
        retrieve(algorithm, engine.queries(1), 0, [3], [36])
    engine.attention_end(algorithm, [3], [36])
    assert [s.lengths for s in store.list_sequences()] == [{0: 36, 1: 36}]
    positions, _ = retrieve(algorithm, engine.queries(1), 1, [3], [37])
    assert positions.max() == 36


def test_a_slot_with_another_request_has_another_sequence(store, engine, algorithm):
    engine.attention_end(algorithm, [1], [30])
    first = store.list_sequences()[0].id
    engine.states.repr_constructed[1] = False  # as SGLang does when a request begins
    engine.attention_end(algorithm, [1], [4])
    (second,) = store.list_sequences()
    assert second.id != first and second.lengths == {0: 4, 1: 4}
    algorithm.release(1)
    assert store.list_sequences() == []
    algorithm.release(1)


def test_queries_may_have_their_heads_in_one_dimension(engine, algorithm):
    engine.attention_end(algorithm, [0], [30])
    queries = engine.queries(1)
    apart, _ = retrieve(algorithm, queries, 0, [0], [31])
    together, _ = retrieve(algorithm, queries.view(1, -1), 0, [0], [31])
    assert torch.equal(apart, together)


def test_what_does_not_fit_is_refused(new_store, store, engine, algorithm):
    with pytest.raises(ValueError, match="page_size: 64, must be 1"):
        engine.start(KvsiftAlgorithm(store, K), page_size=64)
    with pytest.raises(ValueError, match=r"layer: 2, must be one of \[0, 1\]"):
        KvsiftAlgorithm(store, K).initialize_representation_pool(0, 3, None, engine, engine.states)
    with pytest.raises(ValueError, match=r"req_pool_indices: \[3\], must be requests with keys"):
        retrieve(algorithm, engine.queries(1), 0, [3], [9])
    with pytest.raises(ValueError, match="forward_batch: none with seq_lens"):
        algorithm.retrieve_topk(engine.queries(1), 0, torch.tensor([0]), torch.tensor([True]))
    engine.attention_end(algorithm, [0], [30])
    with pytest.raises(ValueError, match="seq_lens: 40, must be 30 or 31"):
        retrieve(algorithm, engine.queries(1), 0, [0], [40])
    with pytest.raises(ValueError, match="store: has no key scales"):
        KvsiftAlgorithm(new_store(key_scales=None), K)
