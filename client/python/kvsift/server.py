"""Runs a kvsift-server: for tests, scripts and notebooks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ANNOUNCEMENT = "listening on "


@dataclass
class Server:
    """A server that runs.

    Attributes:
        address: what kvsift.Client takes.
        process: the program.
        log: lines that it has written to stderr so far.

    """

    address: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    def stop(self, timeout: float = 10.0) -> int:
        """Ends it as SIGTERM does, after `timeout` seconds for good; returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def find_server(program: str | os.PathLike[str] | None = None) -> str:
    """Returns the path of the program: the argument, $KVSIFT_SERVER, or what is in $PATH.

    Raises:
        FileNotFoundError: there is none.

    """
    wanted = os.fspath(program or os.environ.get("KVSIFT_SERVER") or "kvsift-server")
    found = shutil.which(wanted)
    if found is None:
        raise FileNotFoundError(
            f"{wanted}: no such program; name it, set $KVSIFT_SERVER or add it to $PATH"
        )
    return found


@contextlib.contextmanager
def start_server(
    listen: str | None = None,
    args: Sequence[str] = (),
    *,
    program: str | os.PathLike[str] | None = None,
    timeout: float = 60.0,
) -> Iterator[Server]:
    """Runs a server for as long as the context lasts.

        with kvsift.server.start_server(args=["--memory", "256MiB"]) as server:
            client = kvsift.Client(server.address)

    Args:
        listen: "unix:/path" or "host:port"; None is a unix socket in a temporary folder.
        args: further options of the program.
        program: its path; otherwise $KVSIFT_SERVER, or kvsift-server in $PATH.
        timeout: seconds until it must listen.

    Raises:
        FileNotFoundError: there is no such program.
        RuntimeError: it ended, or did not listen in time; with what it wrote.

    """
    with tempfile.TemporaryDirectory(prefix="kvsift-") as folder:
        address = listen or f"unix:{Path(folder) / 'socket'}"
        server = _start([find_server(program), "--listen", address, *args], timeout)
        try:
            yield server
        finally:
            server.stop()


def _start(command: list[str], timeout: float) -> Server:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    server = Server("", process)
    addresses: list[str] = []
    announced = threading.Event()
    threading.Thread(
        target=_read_announcements, args=(process, addresses, announced), daemon=True
    ).start()
    log = threading.Thread(target=_read_log, args=(process, server.log), daemon=True)
    log.start()
    announced.wait(timeout)
    if not addresses:
        server.stop(0)
        log.join()
        raise RuntimeError(f"{command[0]} does not listen:\n{''.join(server.log)}")
    server.address = addresses[0]
    return server


def _read_announcements(
    process: subprocess.Popen[str], addresses: list[str], announced: threading.Event
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(_ANNOUNCEMENT):
            addresses.append(line[len(_ANNOUNCEMENT) :].strip())
            announced.set()
    announced.set()


def _read_log(process: subprocess.Popen[str], log: list[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
