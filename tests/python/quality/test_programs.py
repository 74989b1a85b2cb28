"""kvsift-perplexity and kvsift-needle with SmolLM2 and a real server, at short contexts.

The whole table takes many minutes: tests/python/quality/check_perplexity.py runs it.
"""

from __future__ import annotations

import json
import pathlib

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from kvsift import needle, perplexity
from kvsift.quality import options

TEXTS = pathlib.Path(__file__).parents[2] / "data" / "texts"


@pytest.fixture
def smollm2_name(smollm2, smollm2_file, monkeypatch):
    """What the programs call the model, which is not read again for each."""

    def loaded(name, dtype, device):
        assert (name, dtype, device) == (str(smollm2_file), "float32", "cpu")
        return smollm2

    monkeypatch.setattr(options, "load_model", loaded)
    return str(smollm2_file)


def run(program, server, model, capsys, **options):
    """The JSON that a program prints."""
    arguments = ["--server", server.address, "--model", model, "--format", "json"]
    options = {"calibration": TEXTS / "war-and-peace-calibration.txt", **options}
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    assert program.main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_perplexity_ranks_policies_as_they_are_ranked(server, smollm2_name, capsys):
    found = run(
        perplexity,
        server,
        smollm2_name,
        capsys,
        passages=TEXTS / "war-and-peace-1.txt",
        policies="asymmetric_dot,manhattan",
        k="8,512",
        context=400,
        decode_tokens=64,
        chunk=64,
        calibration_tokens=256,
    )
    results, dense = found["results"], found["dense"]
    assert list(results) == [f"{p}@{k}" for p in ("asymmetric_dot", "manhattan") for k in (8, 512)]
    # Lists of everything are dense attention; eight positions are few; Manhattan needs more.
    assert results["asymmetric_dot@512"] == pytest.approx(dense, rel=1e-3)
    assert results["manhattan@512"] == pytest.approx(dense, rel=1e-3)
    assert dense < results["asymmetric_dot@8"] < results["manhattan@8"]


def test_needle_is_found_by_the_policies_that_keep_far_positions(server, smollm2_name, capsys):
    found = run(
        needle,
        server,
        smollm2_name,
        capsys,
        haystack=TEXTS / "war-and-peace-2.txt",
        policies="asymmetric_dot",
        k="4,1024",
        context=512,
        depths="0.3",
        calibration_tokens=512,
    )
    assert found["dense"] > 0.1  # by chance: 0.00001
    assert found["results"]["asymmetric_dot@1024"] == pytest.approx(found["dense"], abs=0.01)
    assert found["results"]["asymmetric_dot@4"] < found["dense"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policies", "cosine"], "cosine"),
        (["--k", "0"], "must be at least 1"),
        (["--model", "nowhere.gguf"], "nowhere.gguf: no such file"),
        (["--passages", "nowhere.txt"], "nowhere.txt"),
        (["--context", "64", "--decode-tokens", "64"], "decode-tokens: 64, must be 1 to 63"),
        (["--decode-tokens", "0"], "decode-tokens: 0, must be 1 to 8191"),
        (["--chunk", "0"], "chunk: 0, must be at least 1"),
    ],
)
def test_wrong_options_end_with_a_message_and_nothing_on_standard_output(
    options, message, server, capsys
):
    text = str(TEXTS / "war-and-peace-1.txt")
    given = ["--server", server.address, "--model", "m.gguf", "--calibration", text]
    assert perplexity.main([*given, "--passages", text, *options]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
