"""The first example of client/python/README.md, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import kvsift
import pytest
from kvsift.server import Server

README = Path(__file__).parents[2] / "client" / "python" / "README.md"
ADDRESS = '"127.0.0.1:7600"'


def test_example(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    assert ADDRESS in example
    names: dict = {}
    exec(example.replace(ADDRESS, repr(server.address)), names)
    assert capsys.readouterr().out.startswith("(32, 64) [")
    selection = names["selection"]
    assert selection.ok and (selection.counts == 64).all()
    names["client"].delete_store("demo")


def test_what_it_names_exists() -> None:
    text = README.read_text()
    for name in re.findall(r"^\| `(\w+Error)`", text, re.MULTILINE):
        assert issubclass(getattr(kvsift, name), kvsift.Error)
    root = README.parents[2]
    for path in re.findall(r"\b(?:deploy|client)/[\w./]+\w", text):
        assert (root / path).exists(), path
