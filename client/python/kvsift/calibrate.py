"""Measures the key scales of a model: what kvsift-calibrate does.

The arithmetic is that of the service's Calibrate, to the bit: the rotation is that of the encoders,
and squares are summed in double, one after the other in the order (position, dimension). No server
is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kvsift.progress import Progress
from kvsift.quantizer import padded_dim
from kvsift.scales import KeyScales, Measurement


class ScaleMeter:
    """Key scales of one layer, from its keys in pieces, in the order of positions."""

    def __init__(self, kv_heads: int, head_dim: int) -> None:
        """Of no keys yet."""
        self.head_dim = head_dim
        self._kv_heads = kv_heads
        self._sums = np.zeros(kv_heads)
        self._tokens = 0

    def add(self, keys: Any) -> None:
        """keys: a torch tensor [tokens, kv_heads, head_dim] of floats, on any device."""
        from kvsift.torch import rotate

        if tuple(keys.shape[1:]) != (self._kv_heads, self.head_dim):
            raise ValueError(
                f"keys: shape {list(keys.shape)}, must be [tokens, {self._kv_heads}, "
                f"{self.head_dim}]"
            )
        for piece in keys.split(512):
            rotated = rotate(piece).cpu().numpy().astype(np.float64)
            squares = np.square(rotated).transpose(0, 2, 1).reshape(-1, self._kv_heads)
            # accumulate adds one after the other, where sum would add in pairs.
            self._sums = np.add.accumulate(np.vstack([self._sums, squares]), axis=0)[-1]
        self._tokens += len(keys)

    def scales(self) -> np.ndarray:
        """float32 [kv_heads]. Raises ValueError if no keys were added."""
        if self._tokens == 0:
            raise ValueError("tokens: 0, must be at least 1")
        dim = float(padded_dim(self.head_dim))
        return np.sqrt(self._sums / (dim * self._tokens * dim)).astype(np.float32)


class MeasuredScales(NamedTuple):
    """Key scales of some layers of a model."""

    layer_ids: list[int]  # ascending
    scales: np.ndarray  # float32 [layers, kv_heads]
    head_dim: int


def measure_key_scales(
    model: Any, token_ids: Sequence[int], layer_ids: Sequence[int] | None = None
) -> MeasuredScales:
    """Key scales of a model that reads the tokens.

    model: of Transformers (kvsift.models.load_model). It reads the tokens once, densely.
    layer_ids: of which layers; of all by default.
    Raises ValueError if the model lacks one of them.
    """
    from kvsift.attention_capture import read_densely

    meters: dict[int, ScaleMeter] = {}

    def listener(layer: int, query: Any, key: Any, value: Any) -> None:
        progress.show(layer)
        meters[layer] = ScaleMeter(key.shape[1], key.shape[3])
        if layer_ids is None or layer in layer_ids:
            meters[layer].add(key[0].transpose(0, 1))

    with Progress("layer") as progress:
        read_densely(model, token_ids, listener)
    layers = sorted(meters if layer_ids is None else layer_ids)
    check_layers(layers, meters)
    scales = np.stack([meters[layer].scales() for layer in layers])
    return MeasuredScales(layers, scales, meters[layers[0]].head_dim)


def check_layers(asked: Iterable[int], seen: Iterable[int]) -> None:
    """Raises ValueError if a layer that was asked for is none of those the model has."""
    missing = sorted(set(asked) - set(seen))
    if missing:
        raise ValueError(f"layers: {missing}, must be among {sorted(seen)} of the model")


def calibrate(arguments: argparse.Namespace) -> KeyScales:
    """Key scales as the command line asks for them."""
    from kvsift.models import first_tokens, load_model, model_name, read_text, sha256

    text = read_text(arguments.text)
    model, tokenizer = load_model(arguments.model, arguments.dtype, arguments.device)
    ids = first_tokens(tokenizer, text, arguments.positions, arguments.special_tokens)
    measured = measure_key_scales(model, ids)
    return KeyScales(
        model=model_name(arguments.model),
        layer_ids=tuple(measured.layer_ids),
        kv_heads=measured.scales.shape[1],
        head_dim=measured.head_dim,
        scales=measured.scales,
        measured_on=Measurement(
            text=model_name(arguments.text),
            text_sha256=sha256(text),
            positions=arguments.positions,
            dtype=arguments.dtype,
        ),
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that say which model reads which text."""
    parser.add_argument("--model", required=True, help="name on the hub, folder, or GGUF file")
    parser.add_argument("--text", required=True, help="UTF-8 file to read")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu", help="where the model computes (cpu)")
    parser.add_argument("--special-tokens", action="store_true", help="as the tokenizer adds them")


def main(argv: Sequence[str] | None = None) -> int:
    """kvsift-calibrate: exit code 0, 1 if it failed, 2 if the command line is wrong."""
    parser = argparse.ArgumentParser(
        prog="kvsift-calibrate", description="Measures the key scales of a model on a text."
    )
    add_model_arguments(parser)
    parser.add_argument("--positions", type=int, default=4096, help="tokens to read (4096)")
    parser.add_argument("--output", required=True, help="the file of key scales to write")
    arguments = parser.parse_args(argv)
    try:
        scales = calibrate(arguments)
        scales.save(arguments.output)
    except (OSError, ValueError, ImportError) as error:
        print(f"kvsift-calibrate: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {len(scales.layer_ids)} layers, fingerprint {scales.fingerprint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
