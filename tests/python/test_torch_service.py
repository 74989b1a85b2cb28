"""What torch makes is what the server and the C++ client make of the same vectors, to the bit."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import kvsift
from kvsift.calibrate import ScaleMeter
from kvsift.torch import encode_keys, encode_queries, key_thresholds

KV_HEADS, QUERY_HEADS = 2, 4
SCALES = np.float32([[0.7, 1.9]])
ESTIMATORS = {"asymmetric_dot": 4, "dot": None, "squared_euclidean": None, "manhattan": None}


def vectors(count: int, heads: int, head_dim: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Normal vectors, and among them zeros, equal elements, outliers, tiny and large ones."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(count, heads, head_dim, generator=generator)
    made[0] = 0
    made[1] = -0.0
    made[2] = 1.5
    made[3, :, 0] = 300.0
    made[4] *= 1e-5 if dtype == torch.float16 else 2.0**-120
    made[5] *= 6e4 / made[5].abs().max() if dtype == torch.float16 else 2.0**28
    made[6] = torch.randint(-3, 4, (heads, head_dim), generator=generator).float()
    return made.to(dtype)


@pytest.fixture
def make_store(new_store):
    """Creates a store of one layer with SCALES."""
    return lambda head_dim, key_bits: new_store(
        layer_ids=[0], head_dim=head_dim, key_bits=key_bits, key_scales=SCALES
    )


CASES = [(head_dim, bits) for head_dim in (1, 33, 64, 128, 200, 256) for bits in (1, 2, 3)]


@pytest.mark.parametrize(("head_dim", "key_bits"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_keys_have_the_codes_of_the_server(make_store, device, head_dim, key_bits, dtype):
    """Keys that are sent again, in another form, are accepted only if their codes are equal."""
    store = make_store(head_dim, key_bits)
    keys = vectors(40, KV_HEADS, head_dim, dtype, seed=head_dim)
    scales = torch.from_numpy(SCALES[0]).to(device)
    codes = encode_keys(keys.to(device), scales, key_bits).cpu()[None]
    store.append(codes, sequence_ids=[1], starts=[0])
    for encode in ("server", "client"):
        store.append(keys[None], sequence_ids=[1], starts=[0], encode=encode)
    codes[0, 39, 1, 0, 0] ^= 1
    with pytest.raises(kvsift.BatchError, match="FAILED_PRECONDITION"):
        store.append(codes, sequence_ids=[1], starts=[0])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("head_dim", "key_bits"), [(1, 2), (64, 1), (96, 2), (128, 3), (256, 2)])
def test_queries_get_the_answers_of_vectors(make_store, device, head_dim, key_bits, estimator):
    store = make_store(head_dim, key_bits)
    store.append(
        vectors(200, KV_HEADS, head_dim, torch.float32, 1)[None], sequence_ids=[1], starts=[0]
    )
    queries = vectors(20, QUERY_HEADS, head_dim, torch.float32, seed=2)
    bits = ESTIMATORS[estimator] or key_bits
    codes, scales = encode_queries(queries.to(device), bits)
    # Every position is scored, so that scores differ where one code does.
    for grouping in ("head", "layer_max"):
        policy = kvsift.Policy(k=150, estimator=estimator, grouping=grouping)
        common = {"query_tokens": [20], "visible_lengths": [200] * 20, "scores": grouping == "head"}
        expected = store.select(0, queries, [1], policy, encode="server", **common)
        got = store.select(
            0,
            codes.cpu(),
            [1],
            policy,
            query_scales=None if scales is None else scales.cpu(),
            **common,
        )
        np.testing.assert_array_equal(got.positions, expected.positions)
        if grouping == "head":
            np.testing.assert_array_equal(got.scores, expected.scores)


@pytest.mark.parametrize("key_bits", [1, 2, 3])
@pytest.mark.parametrize("head_dim", [1, 48, 128, 256])
def test_thresholds_are_those_of_the_store(make_store, device, head_dim, key_bits):
    store = make_store(head_dim, key_bits)
    thresholds = key_thresholds(torch.from_numpy(SCALES).to(device), head_dim, key_bits)
    np.testing.assert_array_equal(thresholds.cpu().numpy(), store.thresholds)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("head_dim", [1, 48, 64, 256])
def test_key_scales_are_those_of_calibrate(client, device, head_dim, dtype):
    keys = vectors(1100, KV_HEADS, head_dim, dtype, seed=3)
    meter = ScaleMeter(KV_HEADS, head_dim)
    meter.add(keys.to(device))
    np.testing.assert_array_equal(meter.scales(), client.calibrate(keys[None])[0])
