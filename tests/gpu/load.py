#!/usr/bin/env python3
"""What the service does under load on a GPU node, from nothing but the unpacked bundle.

Runs kvsift-server and kvsift-load side by side over a unix socket, prints one line a measurement
and writes everything to FOLDER/load.json.

usage: load.py [--out FOLDER] [--root FOLDER] [--backend NAME] [--parts A,B,...] [--seconds N]
               [--small]
  --parts   of: latency sharing throughput batch appends surface
  --small   sizes that a laptop can hold, to try the script itself with --backend cpu
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

DENSE_BYTES_PER_US = 3e6  # reading K and V at 3 TB/s
SHAPE = ["--kv-heads", "8", "--query-heads", "64", "--head-dim", "128", "--grouping", "group_max"]


def sizes(small):
    """Largest values of each part."""
    if small:
        return {"context": 2048, "workers": 4, "sequences": 4, "batch": 16, "prefill": 4096,
                "contexts": [512, 2048], "batches": [1, 4], "memory": "2GiB"}
    return {"context": 32768, "workers": 64, "sequences": 16, "batch": 256, "prefill": 131072,
            "contexts": [8192, 32768, 131072], "batches": [1, 4, 16, 64], "memory": "24GiB"}


class Server:
    """A kvsift-server on a socket of its own, with metrics."""

    def __init__(self, root, folder, backend, memory, environment=None):
        self.address = f"unix:{folder}/kvsift.sock"
        self.log = open(folder / "server.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [root / "bin/kvsift-server", "--listen", self.address, "--metrics-listen",
             "127.0.0.1:0", "--backend", backend, "--memory", memory],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        self.metrics = ""
        while not self.metrics:
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"the server did not start: {folder}/server.log")
            if line.startswith("metrics on "):
                self.metrics = line.split()[-1]

    def device_times(self):
        """Sum in seconds and count of the batches' device times."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics") as answer:
            text = answer.read().decode()
        values = {}
        for line in text.splitlines():
            if line.startswith('kvsift_stage_duration_seconds_') and 'stage="device"' in line:
                name, value = line.rsplit(" ", 1)
                if "_bucket" not in name:
                    values[name.split("{")[0].rsplit("_", 1)[1]] = float(value)
        return values["sum"], values["count"]

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            sys.exit("the server did not end well")
        self.log.close()


class Run:
    """The measurements of one call of the script."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.root = arguments.root.resolve()
        self.sizes = sizes(arguments.small)
        self.results = {}
        self.folder = pathlib.Path(tempfile.mkdtemp())

    @contextlib.contextmanager
    def server(self, environment=None):
        server = Server(self.root, self.folder, self.arguments.backend, self.sizes["memory"],
                        environment)
        try:
            yield server
        finally:
            server.stop()

    def load(self, name, server, *options):
        """One run of kvsift-load; its JSON with the mean device time of a batch."""
        before = server.device_times()
        command = [self.root / "bin/kvsift-load", "--server", server.address, "--format", "json",
                   "--metrics", server.metrics, "--duration", f"{self.arguments.seconds}s",
                   "--warm-up", "500ms", *SHAPE, *map(str, options)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            print(f"{name:34} FAILED with exit code {done.returncode}", flush=True)
            return None
        result = json.loads(done.stdout)
        after = server.device_times()
        batches = after[1] - before[1]
        result["device_mean_us"] = (after[0] - before[0]) / max(batches, 1) * 1e6
        self.results[name] = result
        return result

    def report(self, name, result, text=""):
        if result is None:
            return
        us = result["latency_us"]
        echo = result.get("echo", {}).get("latency_us", {}).get("p50", 0)
        print(f"{name:34} p50 {us['p50']:8.1f} us  p99 {us['p99']:8.1f}  echo {echo:7.1f}  "
              f"device {result['device_mean_us']:7.1f}  {result['rate_per_s']:9.1f} /s  "
              f"{result['keys_scanned'] / result['duration_s'] / 1e9:7.2f} Gkeys/s  {text}",
              flush=True)

    def one_step(self, name, server):
        result = self.load(name, server, "--scenario", "decode", "--workers", 1, "--layers", 4,
                           "--context", self.sizes["context"])
        if result is None:
            return
        us = result["latency_us"]
        beyond = us["p50"] - result["echo"]["latency_us"]["p50"] - result["device_mean_us"]
        self.report(name, result, f"p50 beyond echo and device {beyond:.1f} us (goal 15), "
                                  f"p99 {us['p99'] / us['p50']:.2f} x p50 (goal 3)")

    def latency(self):
        with self.server() as server:
            self.one_step("latency", server)

    def sharing(self):
        """The same beside a process that keeps all multiprocessors busy, without MPS and with; and
        beside one that leaves some free."""
        self.beside_load("beside a busy process", None)
        folder = self.folder
        environment = dict(os.environ, CUDA_MPS_PIPE_DIRECTORY=str(folder / "pipe"),
                           CUDA_MPS_LOG_DIRECTORY=str(folder / "log"))
        for name in ("pipe", "log"):
            (folder / name).mkdir(exist_ok=True)
        subprocess.run(["nvidia-cuda-mps-control", "-d"], env=environment, check=True)
        try:
            self.beside_load("beside a busy process, MPS", environment)
            self.beside_load("beside one with 16 SMs free, MPS", environment,
                             "--free-multiprocessors", "16")
        finally:
            subprocess.run(["nvidia-cuda-mps-control"], input="quit\n", text=True, check=False,
                           env=environment)

    def beside_load(self, name, environment, *options):
        busy = subprocess.Popen([self.root / "tests/kvsift_gpu_load", "--seconds", "300", *options],
                                stdout=subprocess.PIPE, text=True, env=environment)
        try:
            busy.stdout.readline()
            with self.server(environment) as server:
                self.one_step(name, server)
        finally:
            busy.terminate()
            busy.wait()

    def throughput(self):
        """Many workers; their sum is to come near the kernels' own rate (kvsift_cuda_bench)."""
        with self.server() as server:
            for k in (64, 256):
                name = f"{self.sizes['workers']} workers, k {k}"
                self.report(name, self.load(
                    name, server, "--scenario", "decode", "--workers", self.sizes["workers"],
                    "--sequences", self.sizes["sequences"], "--layers", 1, "--channels", 8,
                    "--context", self.sizes["context"], "--k", k))

    def batch(self):
        with self.server() as server:
            name = f"{self.sizes['batch']} sequences in one step"
            result = self.load(name, server, "--scenario", "decode", "--workers", 1, "--layers", 2,
                               "--sequences", self.sizes["batch"], "--context",
                               self.sizes["context"])
            if result is not None:
                us = result["latency_us"]
                self.report(name, result, f"p99 {us['p99'] / us['p50']:.2f} x p50 (goal 3)")

    def appends(self):
        """Whole sequences of 32 layers: 1 GiB of codes each, where the sizes are full."""
        with self.server() as server:
            name = f"appends of {self.sizes['prefill']} positions"
            result = self.load(name, server, "--scenario", "prefill", "--workers", 1, "--layers",
                               32, "--context", self.sizes["prefill"])
            if result is not None:
                sent = result["bytes"]["sent"] / result["duration_s"] / 1e9
                self.report(name, result, f"{sent:.2f} GB/s sent, {result['ratio']['rate']:.2f} x "
                                          f"a plain stream (goal 0.8)")

    def surface(self):
        with self.server() as server:
            for context in self.sizes["contexts"]:
                for batch in self.sizes["batches"]:
                    name = f"batch {batch} x {context}"
                    result = self.load(name, server, "--scenario", "decode", "--workers", 1,
                                       "--layers", 1, "--sequences", batch, "--context", context,
                                       "--no-echo")
                    dense = batch * context * 8 * 128 * 2 * 2 / DENSE_BYTES_PER_US
                    if result is not None:
                        self.report(name, result, f"dense K and V {dense:.0f} us, ratio "
                                                  f"{result['latency_us']['p50'] / dense:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("kvsift-load"))
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent.parent)
    parser.add_argument("--backend", default="cuda")
    parser.add_argument("--parts", default="latency,sharing,throughput,batch,appends,surface")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    run = Run(arguments)
    for part in arguments.parts.split(","):
        started = time.monotonic()
        getattr(run, part)()
        print(f"-- {part}: {time.monotonic() - started:.0f} s", flush=True)
        (arguments.out / "load.json").write_text(json.dumps(run.results, indent=1),
                                                 encoding="utf-8")


if __name__ == "__main__":
    main()
