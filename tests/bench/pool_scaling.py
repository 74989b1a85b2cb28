#!/usr/bin/env python3
"""What a pool of local servers does beside one server, and what the loss of a member costs.

Runs kvsift-server and kvsift-load over unix sockets, prints one line a measurement and writes
everything to FOLDER/pool_scaling.json. One server and the pool are measured in turns, each server
with --threads threads on processors of its own where taskset and enough of them are there.

usage: pool_scaling.py [--bin DIR] [--out DIR] [--members N] [--threads N] [--turns N]
                       [--seconds N] [--context N] [--workers N] [--loss-only]

The goal for 4 members of 2 threads on 16 cores: at least 0.9 of 4 times one server; a lost
member's sequences answer again within 2 s, and no call fails.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


class Server:
    """A kvsift-server on a socket, on processors of its own if there are some for it."""

    def __init__(self, arguments, folder, number):
        self.address = f"unix:{folder}/{number}"
        command = [arguments.bin / "kvsift-server", "--listen", self.address, "--backend", "cpu",
                   "--threads", str(arguments.threads), "--memory", "2GiB",
                   "--log-level", "warning"]
        first = number * arguments.threads
        self.is_pinned = has_room(arguments)
        if self.is_pinned:
            last = first + arguments.threads - 1
            command = ["taskset", "--cpu-list", f"{first}-{last}", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("listening on "):
            sys.exit("the server did not start")

    def kill(self):
        """Ends it as a lost node does."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def has_room(arguments):
    """True if servers and the load tester need not share processors."""
    wanted = arguments.members * arguments.threads * 2
    return shutil.which("taskset") is not None and (os.cpu_count() or 1) >= wanted


@contextlib.contextmanager
def servers(arguments, count):
    with tempfile.TemporaryDirectory() as folder:
        started = [Server(arguments, folder, number) for number in range(count)]
        try:
            yield started
        finally:
            for server in started:
                server.stop()


def load_command(arguments, started, workers, seconds, verify):
    """The load tester's command line; it gets the processors that no server has."""
    command = [arguments.bin / "kvsift-load",
               "--server", ",".join(server.address for server in started),
               "--workers", str(workers), "--sequences", str(arguments.sequences),
               "--context", str(arguments.context), "--layers", "2", "--kv-heads", "8",
               "--query-heads", "32", "--grouping", "group_max", "--channels", "2", "--no-echo",
               "--duration", f"{seconds}s", "--verify", str(verify),
               "--format", "json"]
    if started[0].is_pinned:
        first = arguments.members * arguments.threads
        command = ["taskset", "--cpu-list", f"{first}-{os.cpu_count() - 1}", *command]
    return command


def load(arguments, started, workers):
    result = subprocess.run(load_command(arguments, started, workers, arguments.seconds,
                                         arguments.verify),
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"kvsift-load ended with {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def keys_per_s(report):
    return report["keys_scanned"] / report["duration_s"]


def scaling(arguments):
    """One server and the pool in turns; the pool has as many more workers as servers."""
    ones, pools = [], []
    for turn in range(arguments.turns):
        with servers(arguments, 1) as started:
            ones.append(keys_per_s(load(arguments, started, arguments.workers)))
        with servers(arguments, arguments.members) as started:
            report = load(arguments, started, arguments.workers * arguments.members)
        pools.append(keys_per_s(report))
        print(f"turn {turn + 1}: one server {ones[-1] / 1e6:.0f} M keys/s, "
              f"{arguments.members} servers {pools[-1] / 1e6:.0f}: "
              f"{pools[-1] / ones[-1] / arguments.members:.2f} of {arguments.members} x one, "
              f"errors {report['errors'] or 'none'}", flush=True)
    ratio = statistics.median(pools) / statistics.median(ones) / arguments.members
    print(f"median: {ratio:.2f} of {arguments.members} x one server (goal 0.9)")
    return {"one_keys_per_s": ones, "pool_keys_per_s": pools, "ratio": ratio}


def loss(arguments):
    """Kills one member in the middle of a run; the longest call is how long an answer took."""
    seconds = max(arguments.seconds, 6)
    with servers(arguments, arguments.members) as started:
        process = subprocess.Popen(
            load_command(arguments, started, arguments.workers * arguments.members, seconds,
                         10 * arguments.verify),
            stdout=subprocess.PIPE, text=True)
        time.sleep(1 + seconds / 2)  # in the middle, behind appends and warm-up
        started[0].kill()
        text, _ = process.communicate()
    if process.returncode != 0:
        sys.exit(f"kvsift-load ended with {process.returncode}")
    report = json.loads(text)
    moved = report["pool"]["moved_sequences"]
    print(f"loss: {moved} sequences of {arguments.context} positions moved, longest call "
          f"{report['latency_us']['max'] / 1e6:.3f} s (goal 2), p50 "
          f"{report['latency_us']['p50'] / 1e6:.3f} s, errors {report['errors'] or 'none'}, "
          f"{report['verified']} recomputed, {report['differences']} wrong")
    return {"moved_sequences": moved, "longest_s": report["latency_us"]["max"] / 1e6,
            "errors": report["errors"], "differences": report["differences"],
            "intervals": report["intervals"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "build/release/bin")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--context", type=int, default=16384)
    # Enough of them that hashing leaves no server without work.
    parser.add_argument("--workers", type=int, default=16, help="for each server")
    parser.add_argument("--sequences", type=int, default=1, help="of one call")
    parser.add_argument("--verify", type=float, default=0.0002,
                        help="share of the answers that are recomputed; ten times it for the loss")
    parser.add_argument("--loss-only", action="store_true")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    measured = {"processors": os.cpu_count(), "pinned": has_room(arguments)}
    print(f"{os.cpu_count()} processors, servers "
          f"{'on processors of their own' if measured['pinned'] else 'share them with the load'}")
    if not arguments.loss_only:
        measured["scaling"] = scaling(arguments)
    measured["loss"] = loss(arguments)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "pool_scaling.json").write_text(json.dumps(measured, indent=2) + "\n",
                                                         encoding="utf-8")


if __name__ == "__main__":
    main()
