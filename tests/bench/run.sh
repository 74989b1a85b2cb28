#!/usr/bin/env bash
# Runs the kernel benchmarks of a build folder (build/release by default), keeps their JSON there
# as bench_kernels.json and prints a table. Further arguments go to the benchmark program.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
result=$build/bench_kernels.json

"$build/bin/kvsift_bench_kernels" --benchmark_out="$result" --benchmark_out_format=json \
  "${@:2}" >/dev/null 2>&1
python3 - "$result" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
print(f"{'benchmark':62}{'us':>10}{'floor us':>10}{'x floor':>9}{'Mkeys/s':>9}{'GB/s':>8}")
for case in report["benchmarks"]:
    # Batches run on other threads than the one that is timed: there only wall time means anything.
    time = case["real_time"] if case["name"].endswith("real_time") else case["cpu_time"]
    keys = case.get("keys_per_s")
    rate = case.get("bytes_per_second")
    print(f"{case['name']:62}{time:>10.1f}{case['floor_us']:>10.1f}{case['of_floor']:>9.2f}"
          f"{'' if keys is None else f'{keys / 1e6:.0f}':>9}"
          f"{'' if rate is None else f'{rate / 1e9:.2f}':>8}")
PYTHON
