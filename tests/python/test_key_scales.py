"""Key scales in a file: what was saved comes back to the bit, and nothing else is believed."""

import json

import numpy as np
import pytest
from kvsift.scales import KeyScales, KeyScalesError, Measurement

TEXT = Measurement(text="a book", text_sha256="00" * 32, positions=4096, dtype="float32")


def make(scales=((0.5, 1.25), (2.0, 3.0), (1.1, 0.3)), **changes) -> KeyScales:
    fields = {
        "model": "a/model",
        "layer_ids": (2, 3, 7),
        "kv_heads": 2,
        "head_dim": 64,
        "scales": np.array(scales, dtype=np.float32),
        "measured_on": TEXT,
    }
    return KeyScales(**(fields | changes))


def edited(**changes) -> str:
    """The content of a file of make(), with other fields; None takes one away."""
    content = json.loads(make().to_json()) | changes
    return json.dumps({key: value for key, value in content.items() if value is not None})


def test_what_was_saved_comes_back(tmp_path):
    scales = make()
    scales.save(tmp_path / "scales.json")
    loaded = KeyScales.load(tmp_path / "scales.json")
    assert loaded.scales.dtype == np.float32
    np.testing.assert_array_equal(loaded.scales, scales.scales)
    for field in ("model", "layer_ids", "kv_heads", "head_dim", "measured_on", "fingerprint"):
        assert getattr(loaded, field) == getattr(scales, field)
    assert list(tmp_path.iterdir()) == [tmp_path / "scales.json"]


def test_every_float32_comes_back_to_the_bit():
    """Random bits of the exponents that key scales can have, and both ends of the range."""
    random = np.random.default_rng(3)
    bits = random.integers((127 - 60) << 23, (127 + 40) << 23, size=200_000, dtype=np.uint32)
    values = bits.view(np.float32)
    values[:2] = 2.0**-60, 2.0**40
    scales = make(values.reshape(-1, 200), layer_ids=range(1000), kv_heads=200)
    loaded = KeyScales.from_json(scales.to_json())
    np.testing.assert_array_equal(loaded.scales.view(np.uint32).ravel(), bits.view(np.uint32))


def test_how_the_file_is_written_does_not_count():
    content = json.loads(make().to_json())
    content["scales"] = {k: [float(x) for x in np.float32(v)] for k, v in content["scales"].items()}
    assert KeyScales.from_json(json.dumps(content)).fingerprint == make().fingerprint


def test_the_fingerprint_is_that_of_the_content():
    """A literal, so that files of today are read tomorrow."""
    assert make().fingerprint == "fa6702c0ad58fa09"
    changes = [
        {"model": "b"},
        {"head_dim": 63},
        {"layer_ids": (2, 3, 8)},
        {"scales": np.nextafter(make().scales, np.float32(9))},
        {"measured_on": Measurement("a book", "00" * 32, 4095, "float32")},
    ]
    prints = {make(**change).fingerprint for change in changes}
    assert len(prints | {make().fingerprint}) == len(changes) + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "text: .* must be JSON"),
        ("[]", 'format: missing, must be "kvsift key scales"'),
        (edited(format="safetensors"), "format: 'safetensors'"),
        (edited(version=2), "version: 2, must be 1"),
        (edited(model=None), "model: missing, must be a JSON string"),
        (edited(kv_heads="2"), "kv_heads: '2', must be a JSON integer"),
        (edited(kv_heads=True), "kv_heads: True, must be a JSON integer"),
        (edited(kv_heads=3), r"scales: shape \[3, 2\], must be \[3, 3\]"),
        (edited(head_dim=257), "head_dim: 257, must be 1 to 256"),
        (edited(layer_ids=[2, 3]), "scales: of layers .*, must be those of layer_ids"),
        (edited(layer_ids=[2, 7, 3]), "scales: of layers"),
        (edited(scales={"2": [1], "3": [1, 2], "7": [1, 2]}), "scales: rows of other things"),
        (edited(scales={"2": [1, "x"], "3": [1, 2], "7": [1, 2]}), "scales: rows of other"),
        (edited(scales={"2": [1, 0], "3": [1, 2], "7": [1, 2]}), "layer 2, kv head 1: 0.0"),
        (edited(measured_on={}), "text: missing"),
        (edited(fingerprint=None), "fingerprint: missing, must be"),
        (edited(fingerprint="0" * 16), "the file was edited or damaged"),
        (edited(model="another"), "the file was edited or damaged"),
        (edited(scales={"2": [0.5, 1.25], "3": [2, 3], "7": [1.1, 0.31]}), "edited or damaged"),
        (make().to_json()[:-40], "text: .* must be JSON"),
    ],
)
def test_a_wrong_file_is_refused(text, message, tmp_path):
    with pytest.raises(KeyScalesError, match=message):
        KeyScales.from_json(text)
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(KeyScalesError, match=f"^{path}: "):
        KeyScales.load(path)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF\xff\xfe")
    with pytest.raises(KeyScalesError, match="must be UTF-8"):
        KeyScales.load(tmp_path / "model.gguf")


def test_a_store_gets_the_scales_of_its_layers():
    scales = make()
    np.testing.assert_array_equal(scales.for_layers([3, 7]), np.float32([[2, 3], [1.1, 0.3]]))
    rows = scales.for_layers(range(2, 4), kv_heads=2, head_dim=64)
    np.testing.assert_array_equal(rows, np.float32([[0.5, 1.25], [2, 3]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_ids": [2, 4]}, r"layer_ids: 4, must be one of the measured layers \[2, 3, 7\]"),
        ({"layer_ids": [2], "kv_heads": 3}, "kv_heads: 3, must be 2, as of a/model"),
        ({"layer_ids": [2], "head_dim": 128}, "head_dim: 128, must be 64, as of a/model"),
    ],
)
def test_another_shape_is_refused(arguments, message):
    with pytest.raises(KeyScalesError, match=message) as caught:
        make().for_layers(**arguments)
    assert caught.value.field in arguments


def test_scales_cannot_be_changed_behind_the_fingerprint():
    with pytest.raises(ValueError, match="read-only"):
        make().scales[0, 0] = 1
