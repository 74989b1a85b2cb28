#!/usr/bin/env python3
"""How far the keys of a trace are from what key scales promise, as the server measures it.

What the limit of server/engine/level_deviation.h was chosen by: deviations of every (layer, kv
head) under the scales of the file, and under scales that are off by factors.

kvsift-capture --model M --text passage.txt --layers 0:30 --output trace.safetensors
kvsift-calibrate --model M --text other.txt --output scales.json
tests/bench/level_deviation.py --trace trace.safetensors --scales scales.json
"""

from __future__ import annotations

import argparse
import statistics

import kvsift
import numpy as np
import torch
from kvsift.quantizer import THRESHOLD_MULTIPLES
from kvsift.torch import key_thresholds, rotate
from safetensors.torch import load_file

FACTORS = (0.5, 1 / 1.5, 1.0, 1.5, 2.0)
# The positions that the server looks at, and the first so many that it says anything of.
SAMPLED, FEWEST = slice(31, None, 64), 32


def expected_shares(key_bits: int) -> np.ndarray:
    """Shares of a Gaussian's levels."""
    normal = statistics.NormalDist()
    cuts = [0.0, *(normal.cdf(multiple) for multiple in THRESHOLD_MULTIPLES[key_bits]), 1.0]
    return np.diff(cuts)


def deviations(rotated: torch.Tensor, scales: torch.Tensor, key_bits: int) -> list[float]:
    """Of each kv head, from rotated keys [kv_heads, positions, D]."""
    thresholds = key_thresholds(scales, rotated.shape[-1], key_bits)
    levels = (rotated.unsqueeze(-1) > thresholds[:, None, None, :]).sum(-1)
    counts = [np.bincount(head.flatten().numpy(), minlength=2**key_bits) for head in levels]
    expected = expected_shares(key_bits)
    return [float(np.abs(count / count.sum() - expected).sum() / 2) for count in counts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trace", required=True)
    parser.add_argument("--scales", required=True)
    arguments = parser.parse_args()
    scales = kvsift.KeyScales.load(arguments.scales)
    tensors = load_file(arguments.trace)
    layers = [layer for layer in scales.layer_ids if f"layers.{layer}.keys" in tensors]
    rotated = {layer: rotate(tensors[f"layers.{layer}.keys"][:, SAMPLED]) for layer in layers}
    print(f"{len(layers)} layers x {scales.kv_heads} kv heads of {scales.model}")
    print(f"{'bits':>4} {'scales x':>8} {'positions':>9} {'least':>6} {'median':>6} {'most':>6}")
    for key_bits in (1, 2, 3):
        for factor in FACTORS:
            rows = torch.from_numpy(scales.for_layers(layers) * np.float32(factor))
            for count in (FEWEST, next(iter(rotated.values())).shape[1]):
                found = [
                    value
                    for layer, row in zip(layers, rows, strict=True)
                    for value in deviations(rotated[layer][:, :count], row, key_bits)
                ]
                least, median, most = min(found), statistics.median(found), max(found)
                print(
                    f"{key_bits:4} {factor:8.2f} {count:9} {least:6.3f} {median:6.3f} {most:6.3f}"
                )


if __name__ == "__main__":
    main()
