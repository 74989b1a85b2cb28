"""What a step costs from Python beyond the C++ client: both in one run, in alternation.

Both sides use the same client library, server, connection kind and message: one sequence, one new
key of 2 kv heads, one query token of 4 heads, head_dim 64, float32 vectors encoded by the client,
k 64, 256 positions and more. native_steps.cc is the C++ side. A turn of either is a connection of
its own; the first steps of each are left out. `took` is the time of a step, `best` its first
percentile, which other work on the machine disturbs less, and `ran` the time that the calling
thread ran.

usage: step_overhead.py NATIVE_STEPS [--turns N] [--steps N]
    $KVSIFT_SERVER is the server's program.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import time
from typing import NamedTuple

import kvsift
import numpy as np
from kvsift.server import start_server

KV_HEADS, QUERY_HEADS, HEAD_DIM, CONTEXT = 2, 4, 64, 256
WARM_UP = 200


class Turn(NamedTuple):
    """What the steps of one turn took, in microseconds."""

    took: float
    best: float
    ran: float


def turn_of(steps: list[tuple[float, float]]) -> Turn:
    """Returns the figures of steps that each (took, ran)."""
    took, ran = zip(*steps[WARM_UP:], strict=True)
    return Turn(
        statistics.median(took), statistics.quantiles(took, n=100)[0], statistics.median(ran)
    )


def native_turn(program: str, address: str, start: int, steps: int) -> Turn:
    """Returns what the C++ client does."""
    command = [program, address, "overhead", "1", str(start), str(steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = (line.split() for line in done.stdout.splitlines())
    return turn_of([(float(took), float(ran)) for took, ran in lines])


def python_turn(address: str, start: int, steps: int, form: str) -> Turn:
    """Returns what the Python client does."""
    keys = np.ones((1, KV_HEADS, HEAD_DIM), np.float32)
    queries = np.ones((1, QUERY_HEADS, HEAD_DIM), np.float32)
    out = np.empty((QUERY_HEADS, 64), np.int32) if form == "out" else None
    policy = kvsift.Policy(k=64)
    times = []
    with kvsift.Client(address) as client:
        store = client.get_store("overhead")
        for position in range(start, start + steps):
            ran, begin = time.thread_time_ns(), time.perf_counter_ns()
            if form == "pending":
                store.step_async(0, keys, queries, [1], [position], policy).result()
            else:
                store.step(0, keys, queries, [1], [position], policy, out=out)
            took = time.perf_counter_ns() - begin
            times.append((took / 1000, (time.thread_time_ns() - ran) / 1000))
    return turn_of(times)


def measure(program: str, address: str, turns: int, steps: int) -> dict[str, list[Turn]]:
    """Returns the turns of each side."""
    with kvsift.Client(address) as client:
        ones = np.ones((1, KV_HEADS), np.float32)
        store = client.create_store("overhead", [0], KV_HEADS, QUERY_HEADS, HEAD_DIM, 2, ones)
        store.append(np.ones((1, CONTEXT, KV_HEADS, HEAD_DIM), np.float32), [1], [0])
    sides: dict[str, list[Turn]] = {"C++": [], "step": [], "out": [], "pending": []}
    start = CONTEXT
    for _, side in itertools.product(range(turns), sides):
        if side == "C++":
            sides[side].append(native_turn(program, address, start, steps))
        else:
            sides[side].append(python_turn(address, start, steps, side))
        start += steps
    return sides


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("native_steps")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    with start_server() as server:
        sides = measure(options.native_steps, server.address, options.turns, options.steps)
    print("microseconds of a step, medians of the turns; difference and ratio to C++")
    for field in Turn._fields:
        values = {side: statistics.median(getattr(t, field) for t in sides[side]) for side in sides}
        for side, us in values.items():
            extra, ratio = us - values["C++"], us / values["C++"]
            print(f"{field}  {side:8} {us:7.1f}  {extra:+7.1f}  x {ratio:.2f}")


if __name__ == "__main__":
    main()
