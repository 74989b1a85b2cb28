"""Key scales of a model, and its traces, against independent arithmetic and a tiny model."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from kvsift.calibrate import ScaleMeter, measure_key_scales
from kvsift.capture import capture_trace, save_trace, spread_positions

TOKENS = [5, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]


def literal_scale(vectors: np.ndarray) -> np.float32:
    """The definition, word for word: vectors [tokens, head_dim] of one head, D = 32."""
    total = 0.0
    for vector in vectors.astype(np.float32):
        x = np.zeros(32, np.float32)
        x[: len(vector)] = vector
        width = 1
        while width < 32:
            for i in range(32):
                if i & width == 0:
                    x[i], x[i + width] = x[i] + x[i + width], x[i] - x[i + width]
            width *= 2
        for coordinate in x:
            total += float(coordinate) * float(coordinate)
    return np.float32(math.sqrt(total / (32.0 * len(vectors) * 32)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("head_dim", [32, 20, 1])
def test_scales_are_those_of_the_definition(head_dim, dtype):
    keys = torch.randn(60, 2, head_dim, generator=torch.Generator().manual_seed(head_dim))
    keys = (keys * torch.tensor([[1.0], [300.0]])).to(dtype)
    meter = ScaleMeter(2, head_dim)
    meter.add(keys[:7])
    meter.add(keys[7:])
    expected = [literal_scale(keys[:, head].float().numpy()) for head in range(2)]
    np.testing.assert_array_equal(meter.scales(), expected)


def test_a_meter_without_keys_or_with_others_says_so():
    with pytest.raises(ValueError, match="tokens: 0, must be at least 1"):
        ScaleMeter(2, 64).scales()
    with pytest.raises(ValueError, match=r"shape \[5, 3, 64\], must be \[tokens, 2, 64\]"):
        ScaleMeter(2, 64).add(torch.zeros(5, 3, 64))


@pytest.fixture(scope="module")
def model():
    """Three layers with random weights: 4 query heads, 2 kv heads, head_dim 8."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=100,
    )
    return transformers.LlamaForCausalLM(config).eval()


def test_a_trace_is_what_attention_saw(model):
    """Attention computed from the trace is the attention of the model."""
    outputs = {}
    hook = model.model.layers[1].self_attn.o_proj.register_forward_pre_hook(
        lambda module, arguments: outputs.update(attention=arguments[0][0])
    )
    tensors = capture_trace(model, TOKENS, [1], [3, 11], values=True, dtype=torch.float32)
    hook.remove()
    assert tensors["token_ids"].tolist() == TOKENS
    assert tensors["query_positions"].tolist() == [3, 11]
    keys, values = tensors["layers.1.keys"], tensors["layers.1.values"]
    assert keys.shape == values.shape == (2, 12, 8)
    assert tensors["layers.1.queries"].shape == (4, 2, 8)
    for index, position in enumerate([3, 11]):
        for head in range(4):
            query = tensors["layers.1.queries"][head, index]
            weights = torch.softmax(keys[head // 2, : position + 1] @ query / 8**0.5, dim=0)
            expected = outputs["attention"][position, 8 * head : 8 * (head + 1)]
            torch.testing.assert_close(weights @ values[head // 2, : position + 1], expected)


def test_scales_of_a_model_are_those_of_its_trace(model):
    layers, scales, head_dim = measure_key_scales(model, TOKENS)
    assert layers == [0, 1, 2] and head_dim == 8
    tensors = capture_trace(model, TOKENS, [0, 1, 2], [0], dtype=torch.float32)
    for layer in layers:
        expected = [literal_scale(head.numpy()) for head in tensors[f"layers.{layer}.keys"]]
        np.testing.assert_array_equal(scales[layer], expected)
    assert measure_key_scales(model, TOKENS, [2]).layer_ids == [2]


def test_the_model_is_left_as_it_was(model):
    before = model.config._attn_implementation, set(transformers.AttentionInterface._global_mapping)
    capture_trace(model, TOKENS, [1], [3])
    with pytest.raises(ValueError, match="must be among"):
        capture_trace(model, TOKENS, [9], [3])
    after = model.config._attn_implementation, set(transformers.AttentionInterface._global_mapping)
    assert before == after


def test_layers_that_are_not_there_are_named(model):
    with pytest.raises(ValueError, match=r"layers: \[3\], must be among \[0, 1, 2\]"):
        measure_key_scales(model, TOKENS, [0, 3])


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([], "query positions: none"),
        ([3, 3], "3 after 3, must be ascending, 0 to 11"),
        ([12], "12 after -1"),
        ([-1], "-1 after -1"),
    ],
)
def test_wrong_query_positions_are_refused(model, positions, message):
    with pytest.raises(ValueError, match=message):
        capture_trace(model, TOKENS, [1], positions)


def test_values_beyond_the_recorded_type_are_refused(model):
    with torch.no_grad():
        model.model.layers[1].self_attn.k_proj.weight.mul_(1e8)
    try:
        with pytest.raises(ValueError, match=r"keys of layer 1: .* record them as float32"):
            capture_trace(model, TOKENS, [1], [3])
    finally:
        with torch.no_grad():
            model.model.layers[1].self_attn.k_proj.weight.div_(1e8)


def test_positions_are_spread_as_in_the_traces_that_exist():
    assert spread_positions(8192) == list(range(4127, 8192, 64))
    assert spread_positions(128) == list(range(64, 128))
    with pytest.raises(ValueError, match="query positions: 64, must be 1 to half of 127"):
        spread_positions(127)


def test_a_trace_says_what_it_is(model, tmp_path):
    from safetensors import safe_open

    tensors = capture_trace(model, TOKENS, [1], [3])
    save_trace(str(tmp_path / "trace.safetensors"), tensors, {"model": "tiny"})
    with safe_open(tmp_path / "trace.safetensors", "pt") as file:
        said = file.metadata()
        assert said == {
            "model": "tiny",
            "kv_heads": "2",
            "query_heads": "4",
            "head_dim": "8",
            "tokens": "12",
            "state": "after rotary embedding",
        }
        assert torch.equal(file.get_tensor("layers.1.keys"), tensors["layers.1.keys"])
