#!/usr/bin/env python3
r"""Dense decode against decode through a kvsift server, on the machine at hand.

    client/python/benchmarks/decode.py --out figures --minutes 5
    client/python/benchmarks/decode.py --out figures --device cpu --contexts 512,1024 \
        --batches 1,2 --prompts 256 --minutes 2

Needs the kvsift package with its "transformers" extra, and kvsift-server ($KVSIFT_SERVER or in
$PATH). With a GPU everything runs under MPS, where that can be started, and a part of it again
without: two processes that share a GPU wait for each other's time slices. Writes results.json and
results.md after each measurement, so that what was measured is kept when the time is over.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

import tables

HERE = pathlib.Path(__file__).parent
# Of the whole time, what the measurements without MPS are left with.
PLAIN_SHARE = 0.3
# What the last measurement may take beyond the time.
GRACE_SECONDS = 20.0


def main() -> int:
    """Runs all measurements. Returns 0, or 1 if one of them failed."""
    given = _parser().parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * given.minutes
    failed = False
    with _mps(given.device) as environment:
        if environment is not None:
            seconds = (1 - PLAIN_SHARE) * 60 * given.minutes
            failed |= _measure(given, "mps", environment, time.monotonic() + seconds, given.batches)
    sharing = "alone" if given.device == "cpu" else "time slices"
    # Without MPS the largest batch says enough, unless it is all there is.
    batches = given.batches if environment is None else given.batches.split(",")[-1]
    failed |= _measure(given, sharing, dict(os.environ), end, batches)
    table = given.out / "results.md"
    print(table.read_text() if table.exists() else "no measurement ended in the time")
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=5.0, help="ends in this time")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--contexts", default="32768,65536,131072", help="of the attention part")
    parser.add_argument("--batches", default="1,4,16", help="of both parts, ascending")
    parser.add_argument("--prompts", default="2048,4096,8192", help="tokens before generation")
    parser.add_argument("--model", help="GGUF file; by default random weights of SmolLM2's shape")
    parser.add_argument("--k", default="256", help="positions per list")
    return parser


def _measure(
    given: argparse.Namespace, sharing: str, environment: dict[str, str], end: float, batches: str
) -> bool:
    """Measures in a process of its own until `end`; whether that failed."""
    command = [sys.executable, HERE / "measure.py", "--sharing", sharing, "--batches", batches]
    for name in ("device", "contexts", "prompts", "k", "model"):
        if getattr(given, name) is not None:
            command += [f"--{name}", getattr(given, name)]
    command += ["--seconds", str(end - time.monotonic())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        # Ends a process that hangs; it stops by itself between two measurements.
        watchdog = threading.Timer(end - time.monotonic() + GRACE_SECONDS, process.kill)
        watchdog.start()
        for line in process.stdout:
            _keep(given.out, json.loads(line))
        watchdog.cancel()
    return process.returncode != 0


def _keep(out: pathlib.Path, result: dict[str, object]) -> None:
    """Adds a result to the files."""
    path = out / "results.json"
    results = json.loads(path.read_text()) if path.exists() else []
    results.append(result)
    path.write_text(json.dumps(results, indent=1))
    (out / "results.md").write_text(tables.markdown(results))
    print(result, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _mps(device: str) -> Iterator[dict[str, str] | None]:
    """An environment in which GPU processes share through MPS, or None if there is none."""
    if device == "cpu":
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(
            os.environ,
            CUDA_MPS_PIPE_DIRECTORY=f"{folder}/pipe",
            CUDA_MPS_LOG_DIRECTORY=f"{folder}/log",
        )
        control = ["nvidia-cuda-mps-control"]
        try:
            subprocess.run([*control, "-d"], env=environment, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"no MPS: {error}", file=sys.stderr)
            yield None
            return
        try:
            yield environment
        finally:
            subprocess.run(control, input="quit\n", text=True, env=environment, check=False)


if __name__ == "__main__":
    sys.exit(main())
