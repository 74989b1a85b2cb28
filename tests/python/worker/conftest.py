"""Models small enough to decode in a moment, attached to the server of the session."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import kvsift
import kvsift.transformers
from tiny_models import tiny


@pytest.fixture
def model() -> transformers.PreTrainedModel:
    return tiny("llama")


@pytest.fixture
def attach(client):
    """Attaches a model so that it always selects from the second layer on; detaches at the end."""
    workers = []

    def attach(model, policy=None, **options):
        options = {"dense_layers": 1, "dense_below": 0, "scales": scales_of(model), **options}
        policy = policy or kvsift.Policy(k=4096)
        workers.append(
            kvsift.transformers.attach(
                model, options.pop("client", client), policy=policy, **options
            )
        )
        return workers[-1]

    yield attach
    for worker in workers:
        worker.detach()


def scales_of(model) -> np.ndarray:
    """Scales that some vectors of the model have: what counts is that they are there."""
    config = model.config
    return np.full((config.num_hidden_layers, config.num_key_value_heads), 0.05, np.float32)
