"""The devices that tests of torch operations run on."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> object:
    """A torch device: the CPU, and the GPU where there is one.

    KVSIFT_REQUIRE_BACKEND=cuda makes a missing GPU a failure, so that a skip cannot look green.
    """
    torch = pytest.importorskip("torch")
    if request.param == "cuda" and not torch.cuda.is_available():
        if os.environ.get("KVSIFT_REQUIRE_BACKEND") == "cuda":
            pytest.fail("no GPU that torch can use")
        pytest.skip("no GPU")
    return torch.device(request.param)
