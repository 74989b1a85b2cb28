"""Processes that end, fork or are interrupted while a client is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import kvsift
import numpy as np
import pytest
from kvsift.server import Server

PREAMBLE = """
import gc, multiprocessing, os, signal, sys, threading, time
import numpy as np
import kvsift

address, name = sys.argv[1:3]
client = kvsift.Client(address)
store = client.get_store(name)
query = np.ones((1, 4, 64), np.float32)
policy = kvsift.Policy(k=16)
"""


@pytest.fixture
def script(server: Server, filled: kvsift.Store) -> Callable[[str], subprocess.Popen[str]]:
    """Starts a program that has a client and a store with sequence 1."""

    def start(text: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + textwrap.dedent(text), server.address, filled.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


ENDS = {
    "with a client open": "",
    "with steps under way": """
        pending = [store.select_async(3, query, [1], policy) for _ in range(500)]
        """,
    "with callbacks to come": """
        for _ in range(500):
            store.select_async(3, query, [1], policy).add_done_callback(lambda p: p.result())
        """,
    "with appends under way": """
        keys = np.ones((2, 1000, 2, 64), np.float32)
        pending = [store.append_async(keys, [n], [0]) for n in range(1000, 1010)]
        """,
    "with threads that step": """
        def run():
            while True:
                store.select(3, query, [1], policy)
        for _ in range(4):
            threading.Thread(target=run, daemon=True).start()
        time.sleep(0.2)
        """,
    "with a loop that awaits": """
        import asyncio
        async def run():
            return [asyncio.ensure_future(store.select_async(3, query, [1], policy))
                    for _ in range(100)]
        asyncio.run(run())
        """,
    "with a reference cycle": """
        class Cycle: pass
        cycle = Cycle()
        cycle.self, cycle.client, cycle.store = cycle, client, store
        cycle.pending = store.select_async(3, query, [1], policy)
        del client, store, cycle
        """,
    "by sys.exit in a thread's time": """
        threading.Thread(target=lambda: store.select(3, query, [1], policy)).start()
        sys.exit(0)
        """,
}


@pytest.mark.parametrize("text", ENDS.values(), ids=ENDS.keys())
def test_end(script: Callable[[str], subprocess.Popen[str]], text: str) -> None:
    process = script(text)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


FORKS = {
    "a child that uses the client": """
        try:
            store.select(3, query, [1], policy)
        except RuntimeError as error:
            assert "forked" in str(error), error
            os._exit(0)
        os._exit(1)
        """,
    "a child that connects": """
        try:
            kvsift.Client(address)
        except RuntimeError as error:
            assert "spawn" in str(error), error
            os._exit(0)
        os._exit(1)
        """,
    "a child that closes and ends": """
        client.close()
        del store, client
        gc.collect()
        sys.exit(0)
        """,
    "a child that does nothing": "sys.exit(0)",
}


@pytest.mark.parametrize("text", FORKS.values(), ids=FORKS.keys())
def test_fork(script: Callable[[str], subprocess.Popen[str]], text: str) -> None:
    """The child is told, and never hangs; the parent goes on."""
    child = textwrap.indent(textwrap.dedent(text), " " * 4)
    process = script(
        f"""
pending = store.select_async(3, query, [1], policy)
child = os.fork()
if child == 0:
{child}
_, status = os.waitpid(child, 0)
assert status == 0, status
assert pending.result().ok and store.select(3, query, [1], policy).ok
client.close()
"""
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_fork_while_threads_step(script: Callable[[str], subprocess.Popen[str]]) -> None:
    process = script(
        """
        def run():
            while True:
                store.select(3, query, [1], policy)
        for _ in range(4):
            threading.Thread(target=run, daemon=True).start()
        for _ in range(20):
            time.sleep(0.01)
            child = os.fork()
            if child == 0:
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
        """
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_spawn(script: Callable[[str], subprocess.Popen[str]]) -> None:
    process = script(
        """
        import subprocess
        code = "import sys, kvsift; assert kvsift.Client(sys.argv[1]).get_server().version"
        subprocess.run([sys.executable, "-c", code, address], check=True)
        """
    )
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_interrupted_wait(script: Callable[[str], subprocess.Popen[str]]) -> None:
    """Ctrl-C ends a wait for an answer that does not come."""
    process = script(
        """
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job's may be ignored
        os.kill(int(os.environ["SERVER_PID"]), signal.SIGSTOP)
        time.sleep(0.5)
        pending = store.select_async(3, query, [1], policy, timeout=50)
        try:
            print("waiting", flush=True)
            pending.result()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        finally:
            os.kill(int(os.environ["SERVER_PID"]), signal.SIGCONT)
        """
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=40)
    assert (line, out, process.returncode) == ("waiting\n", "interrupted\n", 0), errors


@pytest.fixture(autouse=True)
def _server_pid(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_PID", str(server.process.pid))
    # Programs import what this one does.
    package = os.path.dirname(os.path.dirname(kvsift.__file__))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, *sys.path]))
    assert np.__version__
