"""One process of decode.py: prints one JSON object a line for each measurement."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import kvsift
import kvsift.server
import torch
from attention_layer import AttentionLayer
from generation import Generation

BUSY = """
import torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
print("busy", flush=True)
while True:
    for _ in range(64):
        a @ a
    torch.cuda.synchronize()
"""


def main() -> int:
    """Runs what fits into the time. Returns 0, or 1 if a measurement failed."""
    given = _parser().parse_args()
    # It prepares a plan for every length, 40 ms and more, and a cache that grows has a new length
    # at each step: dense attention would look 20 to 200 times as slow as it is.
    torch.backends.cuda.enable_cudnn_sdp(False)
    end = time.monotonic() + given.seconds
    backend = "cuda" if given.device == "cuda" else "cpu"
    memory = "24GiB" if given.device == "cuda" else "1GiB"
    with (
        kvsift.server.start_server(args=["--backend", backend, "--memory", memory]) as server,
        kvsift.Client(server.address, timeout=60.0) as client,
    ):
        common = {"sharing": given.sharing, "device": _device_name(given.device)}
        failures = 0
        for measurement in _measurements(given, client):
            if time.monotonic() > end:
                print("the time is over", file=sys.stderr)
                break
            failures += not _run(measurement, common)
    return int(failures > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sharing", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--model")
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    for name in ("contexts", "batches", "prompts"):
        parser.add_argument(f"--{name}", type=_numbers, required=True)
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _measurements(
    given: argparse.Namespace, client: kvsift.Client
) -> Iterator[Callable[[], dict[str, object]]]:
    """All measurements, the most wanted first."""
    policy = kvsift.Policy(k=given.k, grouping="group_max")
    layer = AttentionLayer(client, policy, given.device)
    shapes = list(itertools.product(given.batches, given.contexts))
    for batch, context in shapes:
        yield lambda batch=batch, context=context: layer.measure(batch, context)
    generation = Generation(client, policy, given.device, given.model)
    for batch, prompt in itertools.product(given.batches[:2], given.prompts):
        yield lambda batch=batch, prompt=prompt: generation.measure(batch, prompt)
    if given.device == "cuda":
        batch, context = shapes[-1]
        yield lambda: _beside_busy(lambda: layer.measure(batch, context))


def _beside_busy(measure: Callable[[], dict[str, object]]) -> dict[str, object]:
    """A measurement beside a process that keeps all multiprocessors busy."""
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            return measure() | {"beside": "busy GPU"}
        finally:
            process.kill()


def _run(measurement: Callable[[], dict[str, object]], common: dict[str, object]) -> bool:
    """Prints a result, or why there is none. Whether there is one."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = measurement() | common
    except (kvsift.Error, torch.OutOfMemoryError, RuntimeError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return False
    print(json.dumps(result), flush=True)
    return True


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


if __name__ == "__main__":
    sys.exit(main())
