"""Levels of appended keys, and the warning that they are not what the key scales promise."""

import warnings

import numpy as np
import pytest
from kvsift.drift import DriftWarning, check_drift


@pytest.fixture
def make_store(new_store):
    """Creates a store of one layer, whose scales are all `scale`."""
    return lambda scale: new_store(layer_ids=[4], key_scales=np.full((1, 2), scale, np.float32))


def append(store, pages: int, encode: str = "client", seed: int = 1) -> None:
    """Normal keys with a standard deviation of 1; one position of each page is looked at."""
    keys = np.random.default_rng(seed).standard_normal((pages, 1, 64, 2, 64), np.float32)
    for page, part in enumerate(keys):
        store.append(part, sequence_ids=[1000 * seed + page], starts=[0], encode=encode)


def test_shares_are_those_of_a_gaussian(make_store):
    store = make_store(1.0)
    assert store.level_counts.shape == store.level_shares.shape == (1, 2, 4)
    assert store.level_counts.dtype == np.int64 and store.level_counts.sum() == 0
    assert np.isnan(store.level_shares).all()
    append(store, 64)
    store.refresh()
    assert store.level_counts.sum() == 64 * 2 * 64
    expected = np.broadcast_to([0.1635, 0.3365, 0.3365, 0.1635], (1, 2, 4))
    np.testing.assert_allclose(store.level_shares, expected, atol=0.03)


def test_vectors_that_the_server_encodes_count_like_codes(make_store):
    codes, vectors = make_store(1.0), make_store(1.0)
    append(codes, 8, "client")
    append(vectors, 8, "server")
    codes.refresh()
    vectors.refresh()
    assert codes.level_counts.sum() == 8 * 2 * 64
    np.testing.assert_array_equal(codes.level_counts, vectors.level_counts)


def test_keys_that_fit_their_scales_do_not_warn(make_store):
    store = make_store(1.0)
    assert check_drift(store) is None
    append(store, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check_drift(store)
    assert found.layer_id == 4 and found.deviation < 0.05 and found.limit == pytest.approx(0.15)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scales_that_are_off_by_two_warn(make_store, scale):
    store = make_store(scale)
    append(store, 31)
    assert check_drift(store) is None
    append(store, 1, seed=2)
    with pytest.warns(DriftWarning, match=r"of layer 4, kv head [01] deviate by 0\.[23]"):
        found = check_drift(store)
    assert found.deviation > found.limit
