"""Keys and queries to codes where the tensors are: torch operations on any device.

The bytes are those of the C++ encoders (kernels/encode/encode.h) and of a server that encodes raw
vectors, on CPU and GPU alike, so that a worker on a GPU sends codes, 8 to 16 times fewer bytes than
float16 vectors::

    codes = kvsift.torch.encode_keys(keys, key_scales)          # keys [tokens, kv_heads, head_dim]
    queries, scales = kvsift.torch.encode_queries(queries)      # for asymmetric_dot

D is head_dim rounded up to a power of two, at least 32; `words` is D / 32. A code is a set of bit
planes of 32-bit words, dimension i is bit i % 32 of word i / 32.

Every operation is one IEEE float32 operation per element, in the order that defines the codes:
nothing here may be contracted or reassociated, so torch.compile leaves these functions out.
Divisions have tensors as divisors, because on GPUs torch multiplies by the reciprocal of a number.
Values that the service refuses (not finite, beyond 2^32) are not refused here: a comparison with
NaN is false and a 4-bit code of NaN is 0. Under torch.set_flush_denormal(True) subnormal values
are lost and codes of vectors that small differ.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

try:
    import torch
except ImportError as error:
    raise ImportError("kvsift.torch needs PyTorch: pip install 'kvsift[torch]'") from error

from kvsift.quantizer import MAX_KEY_SCALE, MIN_KEY_SCALE, THRESHOLD_MULTIPLES, padded_dim

__all__ = ["encode_keys", "encode_queries", "key_thresholds", "rotate"]

_ELEMENT_TYPES = (torch.float16, torch.bfloat16, torch.float32)
_FINE_QUERY_BITS, _FINE_QUERY_MAX = 4, 7
_SMALLEST_FINE_QUERY = 2.0**-100
# Coordinates that are worked on at once: what a core's cache holds, and what fills a GPU.
_CPU_COORDINATES, _GPU_COORDINATES = 1 << 18, 1 << 24


@torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
@torch.no_grad()
def encode_keys(
    keys: torch.Tensor, scales: torch.Tensor | float, key_bits: int = 2
) -> torch.Tensor:
    """Key codes, int32 [..., key_bits, words], on the device of `keys`.

    keys: [..., head_dim], float16, bfloat16 or float32, any strides.
    scales: key scales that broadcast to keys.shape[:-1], such as [kv_heads] for keys
        [tokens, kv_heads, head_dim]: float32 in 2^-60 .. 2^40, those of the store. Checked where
        that does not wait for a GPU.
    key_bits: 1 to 3, as the store has it.

    Raises TypeError for other dtypes, ValueError for shapes, bits and scales that do not fit.
    """
    vectors = _vectors("keys", keys)
    dim = padded_dim(keys.shape[-1])
    thresholds = key_thresholds(scales, keys.shape[-1], key_bits).to(keys.device)
    try:
        cuts = thresholds.expand(*keys.shape[:-1], thresholds.shape[-1])
    except RuntimeError:
        raise ValueError(
            f"scales: shape {list(thresholds.shape[:-1])}, must broadcast to "
            f"{list(keys.shape[:-1])}, the shape of keys without head_dim"
        ) from None
    cuts = cuts.reshape(len(vectors), thresholds.shape[-1])
    codes = _empty_codes(keys, key_bits, dim)
    for part in _parts(vectors, dim):
        levels = _count_exceeded(_rotated(vectors[part], dim), cuts[part].t().contiguous())
        codes[part] = _pack(levels, key_bits)
    return codes.view(torch.int32).view(*keys.shape[:-1], key_bits, dim // 32)


@torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
@torch.no_grad()
def encode_queries(
    queries: torch.Tensor, bits: int = 4
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Query codes, int32 [..., bits, words], and their scales, on the device of `queries`.

    queries: [..., head_dim], float16, bfloat16 or float32, any strides.
    bits: 4 for the estimator asymmetric_dot: then the scales are float32 [...]; or the store's key
        bits, 1 to 3, for the other estimators: then they are None.

    Raises TypeError for other dtypes, ValueError for other shapes and bits.
    """
    if bits != _FINE_QUERY_BITS:
        _check_key_bits("bits", bits, "the store's key bits or 4")
    vectors = _vectors("queries", queries)
    dim = padded_dim(queries.shape[-1])
    codes = _empty_codes(queries, bits, dim)
    scales = None
    if bits == _FINE_QUERY_BITS:
        scales = torch.empty(len(vectors), dtype=torch.float32, device=queries.device)
    for part in _parts(vectors, dim):
        rotated = _rotated(vectors[part], dim)
        if scales is None:
            levels = _count_exceeded(rotated, _own_thresholds(rotated, bits))
        else:
            levels, scales[part] = _fine_levels(rotated)
        codes[part] = _pack(levels, bits)
    codes = codes.view(torch.int32).view(*queries.shape[:-1], bits, dim // 32)
    return codes, None if scales is None else scales.view(queries.shape[:-1])


@torch.no_grad()
def key_thresholds(scales: torch.Tensor | float, head_dim: int, key_bits: int = 2) -> torch.Tensor:
    """Thresholds of rotated key coordinates, ascending, float32 [..., 2^key_bits - 1].

    scales: key scales [...] as of encode_keys. GetStore returns the same thresholds.
    """
    _check_key_bits("key_bits", key_bits, "1 to 3")
    scales = torch.as_tensor(scales)
    if scales.device.type == "cpu":
        _check_scales(scales)
    # As they are kept: float32. The products are made in double, from left to right.
    scales = scales.to(torch.float32).to(torch.float64).unsqueeze(-1)
    root = _constant((math.sqrt(padded_dim(head_dim)),), torch.float64, scales.device)
    multiples = _constant(THRESHOLD_MULTIPLES[key_bits], torch.float64, scales.device)
    return ((multiples * scales) * root).to(torch.float32)


@torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
@torch.no_grad()
def rotate(vectors: torch.Tensor) -> torch.Tensor:
    """Unnormalised Hadamard transform of [..., head_dim] elements, float32 [..., D].

    Raises TypeError for other dtypes than float16, bfloat16 and float32.
    """
    flat = _vectors("vectors", vectors)
    dim = padded_dim(vectors.shape[-1])
    rotated = torch.empty(len(flat), dim, dtype=torch.float32, device=vectors.device)
    for part in _parts(flat, dim):
        rotated[part] = _rotated(flat[part], dim).t()
    return rotated.view(*vectors.shape[:-1], dim)


def _vectors(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` as [vectors, head_dim]."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name}: {type(tensor).__name__}, must be a torch tensor")
    if tensor.dtype not in _ELEMENT_TYPES:
        raise TypeError(f"{name}: {tensor.dtype}, must be float16, bfloat16 or float32")
    if tensor.dim() == 0:
        raise ValueError(f"{name}: shape [], must be [..., head_dim]")
    padded_dim(tensor.shape[-1])
    return tensor.reshape(-1, tensor.shape[-1])


def _check_key_bits(name: str, bits: int, limit: str) -> None:
    if bits not in THRESHOLD_MULTIPLES:
        raise ValueError(f"{name}: {bits}, must be {limit}")


def _check_scales(scales: torch.Tensor) -> None:
    valid = (scales >= MIN_KEY_SCALE) & (scales <= MAX_KEY_SCALE)
    if not bool(valid.all()):
        first = scales[~valid].flatten()[0].item()
        raise ValueError(f"scales: {first}, must be in 2^-60 .. 2^40, as calibration gives them")


@functools.cache
def _constant(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The numbers on a device: copied there once, because a copy waits for a GPU."""
    return torch.tensor(numbers, dtype=dtype, device=device)


def _empty_codes(vectors: torch.Tensor, planes: int, dim: int) -> torch.Tensor:
    """Room for the codes of [..., head_dim] vectors: bytes [vectors, planes, D/8]."""
    count = math.prod(vectors.shape[:-1])
    return torch.empty(count, planes, dim // 8, dtype=torch.uint8, device=vectors.device)


def _parts(vectors: torch.Tensor, dim: int) -> Iterator[slice]:
    """Slices of [vectors, ...] that bound what is worked on at once."""
    coordinates = _CPU_COORDINATES if vectors.device.type == "cpu" else _GPU_COORDINATES
    step = max(1, coordinates // dim)
    return (slice(i, i + step) for i in range(0, len(vectors), step))


# From here on vectors are columns, [D, vectors], so that every operation runs along dense rows.


def _rotated(vectors: torch.Tensor, dim: int) -> torch.Tensor:
    """Hadamard transform of [vectors, head_dim] elements: float32 [D, vectors]."""
    count, head_dim = vectors.shape
    rotated = torch.empty(dim, count, dtype=torch.float32, device=vectors.device)
    rotated[:head_dim] = vectors.t()
    rotated[head_dim:] = 0
    scratch = torch.empty_like(rotated)
    width = 1
    while width < dim:
        pairs = rotated.view(dim // (2 * width), 2, width, count)
        results = scratch.view_as(pairs)
        torch.add(pairs[:, 0], pairs[:, 1], out=results[:, 0])
        torch.sub(pairs[:, 0], pairs[:, 1], out=results[:, 1])
        rotated, scratch = scratch, rotated
        width *= 2
    return rotated


def _count_exceeded(rotated: torch.Tensor, thresholds: torch.Tensor) -> torch.Tensor:
    """How many of its vector's thresholds [thresholds, vectors] a coordinate strictly exceeds."""
    levels = (rotated > thresholds[0]).to(torch.uint8)
    for threshold in thresholds[1:]:
        levels += rotated > threshold
    return levels


def _own_thresholds(rotated: torch.Tensor, bits: int) -> torch.Tensor:
    """Multiples of each vector's root mean square, summed pairwise: [thresholds, vectors]."""
    dim = len(rotated)
    sums = rotated * rotated
    width = dim // 2
    while width > 0:
        sums = sums[:width] + sums[width : 2 * width]
        width //= 2
    root_mean_square = torch.sqrt(sums[0] / _constant((dim,), torch.float32, sums.device))
    multiples = _constant(THRESHOLD_MULTIPLES[bits], torch.float32, sums.device)
    return multiples.unsqueeze(-1) * root_mean_square


def _fine_levels(rotated: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """4-bit levels -7 .. 7 in two's complement, uint8 [D, vectors], and their scales [vectors]."""
    magnitudes = rotated.abs()
    largest = magnitudes.masked_fill_(magnitudes.isnan(), 0).amax(dim=0)
    is_zero = largest < _SMALLEST_FINE_QUERY
    scales = largest / _constant((_FINE_QUERY_MAX,), torch.float32, rotated.device)
    levels = torch.round(rotated / scales)
    levels.masked_fill_(levels.isnan() | is_zero, 0)
    return levels.to(torch.int8).view(torch.uint8), scales.masked_fill_(is_zero, 0)


def _pack(levels: torch.Tensor, planes: int) -> torch.Tensor:
    """Bit planes of uint8 levels [D, vectors]: bytes [vectors, planes, D/8]."""
    shifts = torch.arange(planes, dtype=torch.uint8, device=levels.device)
    fields = (levels >> shifts.view(-1, 1, 1)) & 1
    for bits in (1, 2, 4):
        pairs = fields.view(planes, -1, 2, fields.shape[-1])
        fields = pairs[:, :, 0] | (pairs[:, :, 1] << bits)
    return fields.permute(2, 0, 1)
