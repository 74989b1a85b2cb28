#!/usr/bin/env python3
"""Compares kvsift's CPU selection with FAISS IndexPQFastScan, side by side.

Both score 32768 vectors of 128 dimensions at 32 bytes each and return the 256 best, on one
thread, for one query and for eight in one call. The two programs take turns, so that a busy or
throttled machine slows both; a figure is the median over the turns of processor time.

Needs numpy and faiss-cpu (tests/bench/faiss_comparison.sh installs them below the build folder).
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import faiss
import numpy

KEYS = 32768
DIMENSIONS = 128
BEST = 256


def build_index():
    random = numpy.random.default_rng(1)
    vectors = random.standard_normal((KEYS, DIMENSIONS), dtype=numpy.float32)
    index = faiss.IndexPQFastScan(DIMENSIONS, 64, 4, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:8192])
    index.add(vectors)
    return index


def faiss_keys_per_second(index, queries, repeats):
    """Keys scored a second: `queries` queries in one search call."""
    batch = numpy.random.default_rng(2).standard_normal((queries, DIMENSIONS), dtype=numpy.float32)
    index.search(batch, BEST)
    begin = time.process_time()
    for _ in range(repeats):
        index.search(batch, BEST)
    return queries * KEYS * repeats / (time.process_time() - begin)


def kvsift_keys_per_second(program, estimator, heads, seconds):
    name = f"select/{estimator}/head/heads:{heads}/keys:{KEYS}"
    output = subprocess.run(
        [program, f"--benchmark_filter=^{name}$", "--benchmark_format=json",
         f"--benchmark_min_time={seconds}"],
        check=True, capture_output=True, text=True).stdout
    result = json.loads(output)["benchmarks"][0]
    return heads * KEYS / (result["cpu_time"] * 1e-6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="kvsift_bench_kernels")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()

    faiss.omp_set_num_threads(1)
    index = build_index()
    cases = [("asymmetric_dot", 1, 1.5), ("asymmetric_dot", 8, 2.0),
             ("manhattan", 1, 1.5), ("manhattan", 8, 2.0)]
    figures = {case: ([], []) for case in cases}
    for _ in range(arguments.turns):
        for case in cases:
            estimator, heads, _ = case
            ours, theirs = figures[case]
            theirs.append(faiss_keys_per_second(index, heads, 400 // heads))
            ours.append(kvsift_keys_per_second(arguments.program, estimator, heads, 0.05))

    print(f"FAISS {faiss.__version__} ({faiss.get_compile_options().strip()}), one thread, "
          f"{KEYS} keys of 32 bytes, k {BEST}; million keys and queries a second")
    print(f"{'estimator':16}{'queries':>8}{'kvsift':>10}{'FastScan':>10}{'ratio':>8}{'goal':>8}")
    report = []
    for (estimator, heads, goal), (ours, theirs) in figures.items():
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        row = {"estimator": estimator, "queries": heads, "kvsift": statistics.median(ours),
               "faiss": statistics.median(theirs), "ratio": ratio, "goal": goal}
        report.append(row)
        print(f"{estimator:16}{heads:>8}{row['kvsift'] / 1e6:>10.0f}{row['faiss'] / 1e6:>10.0f}"
              f"{ratio:>8.2f}{goal:>8.2f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
