"""Servers that the package starts."""

from __future__ import annotations

import os
from pathlib import Path

import kvsift
import pytest
from kvsift.server import find_server, start_server


def test_start_and_stop() -> None:
    with start_server("127.0.0.1:0", ["--memory", "64MiB"]) as server:
        assert server.address.startswith("127.0.0.1:")
        with kvsift.Client(server.address) as client:
            assert client.get_server().devices[0].budget_bytes == 64 << 20
    assert server.process.returncode == 0
    assert any("stopped" in line for line in server.log)


def test_temporary_socket_goes_away() -> None:
    with start_server() as server:
        folder = Path(server.address.removeprefix("unix:")).parent
        assert folder.is_dir()
    assert not folder.exists()


def test_server_that_does_not_start() -> None:
    wrong = start_server(args=["--memory", "none"])
    with pytest.raises(RuntimeError, match=r"(?s)does not listen.*--memory: none"), wrong:
        pass
    with pytest.raises(RuntimeError, match="does not listen"), start_server(program="true"):
        pass


def test_find_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "kvsift-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_server(program) == str(program)
    monkeypatch.setenv("KVSIFT_SERVER", str(program))
    assert find_server() == str(program)
    monkeypatch.delenv("KVSIFT_SERVER")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_server() == str(program)
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such program.*\$KVSIFT_SERVER"):
        find_server("nowhere")
