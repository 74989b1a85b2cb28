"""GrowingLayer holds what DynamicLayer holds, without copying it for each token."""

from __future__ import annotations

import torch
from kvsift.transformers.growing_layer import GrowingLayer
from transformers.cache_utils import DynamicLayer


def tokens(count, seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, batch, 3, count, 4, generator=generator)


def both(*updates):
    layers = GrowingLayer(), DynamicLayer()
    for layer in layers:
        for update in updates:
            update(layer)
    return layers


def assert_same(layers):
    assert torch.equal(layers[0].keys, layers[1].keys)
    assert torch.equal(layers[0].values, layers[1].values)


def test_holds_what_was_written():
    assert_same(both(*[lambda layer, n=n: layer.update(*tokens(n, n)) for n in (5, 1, 200, 1)]))


def test_writes_again_what_was_cropped():
    assert_same(
        both(
            lambda layer: layer.update(*tokens(9)),
            lambda layer: layer.crop(-4),
            lambda layer: layer.update(*tokens(2, seed=1)),
        )
    )


def test_follows_changes_of_the_batch():
    rows = torch.tensor([1, 1, 0])
    assert_same(
        both(
            lambda layer: layer.update(*tokens(9)),
            lambda layer: layer.reorder_cache(rows),
            lambda layer: layer.update(*tokens(2, seed=1, batch=3)),
            lambda layer: layer.batch_select_indices(torch.tensor([2])),
            lambda layer: layer.update(*tokens(1, seed=2, batch=1)),
        )
    )


def test_token_by_token_stays_in_place():
    layer = GrowingLayer()
    places = set()
    for step in range(64):
        keys, _ = layer.update(*tokens(1, seed=step))
        places.add(keys.data_ptr())
    assert len(places) == 1


def test_keeps_gradients():
    layer = GrowingLayer()
    keys, values = tokens(3).requires_grad_()
    layer.update(keys, values)
    layer.update(*tokens(1))[0].sum().backward()
