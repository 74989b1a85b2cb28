"""kvsift.torch: the same bytes as the golden cases, on every device, whatever the arrangement."""

import json
import pathlib

import pytest

torch = pytest.importorskip("torch")

import kvsift.torch as encoding
from kvsift.quantizer import padded_dim

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "golden"
HEAD_DIMS = [1, 2, 31, 32, 33, 64, 96, 127, 128, 129, 255, 256]


def floats(text: str) -> torch.Tensor:
    """float32 of hexadecimal little-endian bytes."""
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.float32)


def hexadecimal(tensor: torch.Tensor) -> str:
    return tensor.cpu().numpy().tobytes().hex()


def golden_cases() -> list:
    cases = []
    for name in ("encode.json", "encode-edges.json"):
        for index, case in enumerate(json.loads((GOLDEN / name).read_text())):
            cases.append(pytest.param(case, id=f"{name}-{index}-{case['kind']}"))
    return cases


def random_vectors(device: torch.device, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(20)
    return torch.randn(*shape, generator=generator).to(device)


def test_the_golden_files_are_all_there():
    assert len(golden_cases()) == 42 + 16


@pytest.mark.parametrize("case", golden_cases())
def test_golden_keys(case, device):
    vector = floats(case["float32_hex"]).to(device)
    scale = floats(case["key_scale_hex"])[0]
    for bits in (1, 2, 3):
        assert hexadecimal(encoding.encode_keys(vector, scale, bits)) == case["key"][str(bits)]
        # As a scale that is on the device already.
        codes = encoding.encode_keys(vector, scale.to(device), bits)
        assert hexadecimal(codes) == case["key"][str(bits)]


@pytest.mark.parametrize("case", golden_cases())
def test_golden_queries(case, device):
    vector = floats(case["float32_hex"]).to(device)
    for bits in (1, 2, 3):
        codes, scales = encoding.encode_queries(vector, bits)
        assert hexadecimal(codes) == case["query"][str(bits)]
        assert scales is None
    codes, scales = encoding.encode_queries(vector)
    assert hexadecimal(codes) == case["query4"]
    assert hexadecimal(scales) == case["query4_scale_hex"]


def test_golden_cases_encoded_together(device):
    """A batch gives what its vectors give one by one, each with its own scale."""
    by_head_dim: dict[int, list] = {}
    for case in (param.values[0] for param in golden_cases()):
        by_head_dim.setdefault(case["head_dim"], []).append(case)
    for cases in by_head_dim.values():
        vectors = torch.stack([floats(case["float32_hex"]) for case in cases]).to(device)
        scales = torch.cat([floats(case["key_scale_hex"]) for case in cases])
        keys = encoding.encode_keys(vectors, scales, 2)
        queries, query_scales = encoding.encode_queries(vectors)
        assert hexadecimal(keys) == "".join(case["key"]["2"] for case in cases)
        assert hexadecimal(queries) == "".join(case["query4"] for case in cases)
        assert hexadecimal(query_scales) == "".join(case["query4_scale_hex"] for case in cases)


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_shapes(head_dim, device):
    words = padded_dim(head_dim) // 32
    keys = random_vectors(device, 5, 3, head_dim)
    codes = encoding.encode_keys(keys, torch.ones(3), 3)
    assert codes.shape == (5, 3, 3, words)
    assert codes.dtype == torch.int32 and codes.device == keys.device
    queries, scales = encoding.encode_queries(keys)
    assert queries.shape == (5, 3, 4, words)
    assert scales.shape == (5, 3) and scales.dtype == torch.float32
    assert encoding.encode_keys(keys[:0], torch.ones(3)).shape == (0, 3, 2, words)
    assert encoding.encode_queries(keys[:0])[1].shape == (0, 3)


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_any_strides_and_any_split_give_the_same_codes(head_dim, device):
    keys = random_vectors(device, 7, 2, 3, head_dim)
    scales = torch.tensor([0.5, 1.0, 2.0])
    codes = encoding.encode_keys(keys, scales)
    strided = keys.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(encoding.encode_keys(strided, scales), codes)
    assert torch.equal(
        torch.cat([encoding.encode_keys(key, scales) for key in keys]).view_as(codes), codes
    )


def test_more_vectors_than_are_worked_on_at_once(device, monkeypatch):
    keys = random_vectors(device, 100, 3, 64)
    scales = torch.tensor([0.5, 1.0, 2.0])
    whole = encoding.encode_keys(keys, scales), *encoding.encode_queries(keys)
    monkeypatch.setattr(encoding, "_CPU_COORDINATES", 7 * 64)
    monkeypatch.setattr(encoding, "_GPU_COORDINATES", 7 * 64)
    parts = encoding.encode_keys(keys, scales), *encoding.encode_queries(keys)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
    assert torch.equal(encoding.rotate(keys)[50:], encoding.rotate(keys[50:]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_encoded_as_its_float32_value(dtype, device):
    keys = (random_vectors(device, 50, 96) * 3).to(dtype)
    assert torch.equal(encoding.encode_keys(keys, 1.5), encoding.encode_keys(keys.float(), 1.5))
    halves, floats32 = encoding.encode_queries(keys), encoding.encode_queries(keys.float())
    assert torch.equal(halves[0], floats32[0]) and torch.equal(halves[1], floats32[1])


def test_gradients_and_inference_mode_do_not_matter(device):
    keys = random_vectors(device, 4, 64)
    expected = encoding.encode_keys(keys, 1.0)
    assert torch.equal(encoding.encode_keys(keys.clone().requires_grad_(), 1.0), expected)
    with torch.inference_mode():
        assert torch.equal(encoding.encode_keys(keys.clone(), 1.0), expected)


def test_comparisons_with_nan_are_false(device):
    keys = torch.full((1, 32), float("nan"), device=device)
    assert not encoding.encode_keys(keys, 1.0).any()
    codes, scales = encoding.encode_queries(keys)
    assert not codes.any() and not scales.any()
    assert not encoding.encode_queries(keys, 2)[0].any()


def test_infinity_among_finite_elements(device):
    """Half of the rotated coordinates are inf, half -inf: inf / inf is NaN and so 0."""
    keys = torch.zeros(1, 32, device=device)
    keys[0, 1] = float("inf")
    assert hexadecimal(encoding.encode_keys(keys, 1.0)) == "55555555" * 2
    codes, scales = encoding.encode_queries(keys)
    assert not codes.any() and torch.isinf(scales).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.zeros(2, 64, dtype=torch.float64), 1.0), TypeError, "keys: torch.float64"),
        (([[1.0]], 1.0), TypeError, "keys: list, must be a torch tensor"),
        ((torch.zeros(2, 257), 1.0), ValueError, "head_dim: 257, must be 1 to 256"),
        ((torch.zeros(2, 0), 1.0), ValueError, "head_dim: 0, must be 1 to 256"),
        ((torch.tensor(1.0), 1.0), ValueError, r"keys: shape \[\]"),
        ((torch.zeros(2, 64), 1.0, 4), ValueError, "key_bits: 4, must be 1 to 3"),
        ((torch.zeros(2, 64), 0.0), ValueError, r"scales: 0.0, must be in 2\^-60"),
        ((torch.zeros(2, 64), float("nan")), ValueError, "scales: nan"),
        ((torch.zeros(2, 64), torch.ones(3)), ValueError, r"scales: shape \[3\].*\[2\]"),
        ((torch.zeros(2, 64), torch.ones(2, 2)), ValueError, r"scales: shape \[2, 2\].*\[2\]"),
    ],
)
def test_bad_keys_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        encoding.encode_keys(*arguments)


def test_bad_queries_are_refused():
    with pytest.raises(ValueError, match="bits: 5, must be the store's key bits or 4"):
        encoding.encode_queries(torch.zeros(2, 64), 5)
    with pytest.raises(TypeError, match=r"queries: torch\.int32"):
        encoding.encode_queries(torch.zeros(2, 64, dtype=torch.int32))
