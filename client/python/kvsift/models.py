"""Decoder models and texts from Transformers: by name, by folder, or from a GGUF file."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import Any

try:
    import torch
    import transformers
except ImportError as error:
    raise ImportError(
        "this needs PyTorch and Transformers: pip install 'kvsift[transformers]'"
    ) from error

DTYPES = ("float32", "bfloat16", "float16")


def load_model(
    name: str | os.PathLike[str], dtype: str = "float32", device: str = "cpu"
) -> tuple[Any, Any]:
    """A causal language model, in evaluation mode, and its tokenizer.

    name: a model of the Hugging Face hub, a folder, or a file that ends in .gguf (which needs the
        packages gguf and accelerate).
    dtype: one of DTYPES, in which the model computes.
    """
    path = pathlib.Path(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        where, options = str(path.parent), {"gguf_file": path.name}
    else:
        where, options = str(name), {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(where, **options)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        where, dtype=getattr(torch, dtype), **options
    )
    return model.to(device).eval(), tokenizer


def model_name(name: str | os.PathLike[str]) -> str:
    """What files say of the model: the name of a file, and what is no file as it is."""
    path = pathlib.Path(name)
    return path.name if path.exists() else str(name)


def read_text(path: str | os.PathLike[str], first_character: int = 0) -> str:
    """The text of a UTF-8 file from a character on."""
    return pathlib.Path(path).read_text(encoding="utf-8")[first_character:]


def sha256(text: str) -> str:
    """Hexadecimal digest of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def first_tokens(tokenizer: Any, text: str, count: int, special_tokens: bool = False) -> list[int]:
    """The ids of the first `count` tokens of a text.

    special_tokens: with those that the tokenizer puts around a text, such as one for its beginning.
    Raises ValueError if the text is shorter.
    """
    # A token has seldom more than ten characters: far less to read than the whole of a book.
    part = text[: 16 * count]
    ids: list[int] = tokenizer(part, add_special_tokens=special_tokens)["input_ids"]
    if len(ids) <= count and len(part) < len(text):
        ids = tokenizer(text, add_special_tokens=special_tokens)["input_ids"]
    if len(ids) < count:
        raise ValueError(f"text: {len(ids)} tokens, must be at least {count}")
    return ids[:count]
