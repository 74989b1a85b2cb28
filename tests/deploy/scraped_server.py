"""A kvsift-server with metrics, for as long as a test needs it."""

import contextlib
import subprocess
import urllib.request


@contextlib.contextmanager
def running(programs, *options):
    """Yields (address, address of metrics) of a server of the folder `programs`."""
    command = [
        programs / "kvsift-server",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
        "--backend",
        "cpu",
        *options,
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            lines = [server.stdout.readline().split()[-1] for _ in range(2)]
            yield tuple(lines)
        finally:
            server.terminate()


def get(address, path):
    """The text of an HTTP answer."""
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return answer.read().decode()
