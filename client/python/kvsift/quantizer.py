"""Sizes and thresholds of codes (kernels/format/code_shape.h, kernels/format/quantizer.h)."""

from __future__ import annotations

MAX_HEAD_DIM = 256
MAX_KEY_BITS = 3

# Key scales outside this range are refused.
MIN_KEY_SCALE, MAX_KEY_SCALE = 2.0**-60, 2.0**40

# Multiples of the scale at which codes change, by bits: Lloyd-Max for Gaussian coordinates.
THRESHOLD_MULTIPLES = {
    1: (0.0,),
    2: (-0.98, 0.0, 0.98),
    3: (-1.758, -1.172, -0.586, 0.0, 0.586, 1.172, 1.758),
}


def padded_dim(head_dim: int) -> int:
    """D: head_dim rounded up to a power of two, at least 32.

    Raises ValueError outside 1 to 256.
    """
    if not 1 <= head_dim <= MAX_HEAD_DIM:
        raise ValueError(f"head_dim: {head_dim}, must be 1 to {MAX_HEAD_DIM}")
    return max(32, 1 << (head_dim - 1).bit_length())
