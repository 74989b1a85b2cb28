"""kvsift-calibrate and kvsift-capture as programs, and what other programs make of theirs."""

import json
import pathlib
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

import kvsift
from kvsift import calibrate, capture
from kvsift.server import find_server

TRACE = pathlib.Path(__file__).parents[1] / "data/traces/war-and-peace-layer-14.safetensors"
TEXT = "one two three four five six seven eight nine ten eleven twelve " * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model with a tokenizer of words, in a folder as Transformers saves them; a text."""
    folder = tmp_path_factory.mktemp("model")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: i for i, word in enumerate(["<unk>", *sorted(set(TEXT.split()))])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=64,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(words),
        max_position_embeddings=1024,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    (folder / "text.txt").write_text(TEXT)
    return folder


def options(folder: pathlib.Path, output: str) -> list[str]:
    return [
        *("--model", str(folder), "--text", str(folder / "text.txt")),
        *("--output", str(folder / output)),
    ]


def test_calibrate_writes_what_a_store_takes(folder, client, capsys):
    arguments = [*options(folder, "scales.json"), "--positions", "500"]
    assert calibrate.main(arguments) == 0
    scales = kvsift.KeyScales.load(folder / "scales.json")
    assert capsys.readouterr().out.endswith(f"2 layers, fingerprint {scales.fingerprint}\n")
    assert scales.layer_ids == (0, 1) and scales.kv_heads == 2 and scales.head_dim == 16
    assert scales.measured_on.text == "text.txt" and scales.measured_on.positions == 500
    shape = {"kv_heads": 2, "query_heads": 4, "head_dim": 16, "key_scales": scales}
    store = client.create_store("scales", layer_ids=[1], **shape)
    np.testing.assert_array_equal(store.key_scales, scales.scales[1:])
    client.delete_store("scales")
    with pytest.raises(kvsift.KeyScalesError, match="layer_ids: 2, must be one of the measured"):
        client.create_store("scales", layer_ids=[1, 2], **shape)
    with pytest.raises(kvsift.KeyScalesError, match="head_dim: 64, must be 16, as of"):
        client.create_store("scales", layer_ids=[1], **shape | {"head_dim": 64})


def test_the_scales_are_those_of_the_trace_and_of_calibrate(folder, client):
    """The same keys: recorded, measured by the server; and measured as they were made."""
    arguments = [*options(folder, "trace.safetensors"), "--layers", "0:2", "--tokens", "300"]
    assert capture.main([*arguments, "--record-as", "float32"]) == 0
    assert calibrate.main([*options(folder, "scales.json"), "--positions", "300"]) == 0
    tensors = safetensors.load_file(folder / "trace.safetensors")
    keys = torch.stack([tensors[f"layers.{i}.keys"].transpose(0, 1) for i in range(2)])
    expected = client.calibrate(keys.contiguous())
    scales = kvsift.KeyScales.load(folder / "scales.json").scales
    np.testing.assert_array_equal(scales, expected)


def test_evaluate_replays_what_capture_wrote(folder, server):
    arguments = [*options(folder, "trace.safetensors"), "--layers", "1", "--tokens", "600"]
    assert capture.main([*arguments, "--query-positions", "300:600:50", "--values"]) == 0
    program = pathlib.Path(find_server()).with_name("kvsift")
    command = [program, "evaluate", "--server", server.address, "--format", "json", "--k", "32"]
    command += ["--calibration-positions", "256", "--trace", folder / "trace.safetensors"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert report["layers"]["1"]["exact@32"]["recall"] == 1.0
    assert report["layers"]["1"]["asymmetric_dot@32"]["recall"] > 0.4


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (calibrate, ["--positions", "100000"], "kvsift-calibrate: text: 720 tokens, must be"),
        (calibrate, ["--text", "/no/such/text"], "kvsift-calibrate: .*No such file"),
        (calibrate, ["--model", "/no/such.gguf"], "kvsift-calibrate: /no/such.gguf: no such file"),
        (capture, ["--layers", "7"], r"kvsift-capture: layers: \[7\], must be among \[0, 1\]"),
        (capture, ["--layers", "0", "--query-positions", "9000"], "query positions: 9000 after"),
    ],
)
def test_failures_exit_with_one_and_say_why(folder, capsys, program, arguments, message):
    import re

    tokens = ["--tokens", "300"] if program is capture else []
    assert program.main([*options(folder, "never"), *tokens, *arguments]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (folder / "never").exists()


def test_capture_repeats_the_trace_that_ships(smollm2):
    """Made by another program from the same model: keys of the first tokens, as float16.

    They are equal on the machine where this was written; others may add in another order.
    """
    recorded = safetensors.load_file(TRACE)
    tokens = recorded["token_ids"][:512].tolist()
    model, _ = smollm2
    tensors = capture.capture_trace(model, tokens, [14], [511])
    assert tensors["layers.14.keys"].dtype == torch.float16
    torch.testing.assert_close(
        tensors["layers.14.keys"], recorded["layers.14.keys"][:, :512], rtol=0, atol=0.02
    )
