#!/usr/bin/env bash
# Runs faiss_comparison.py on the benchmarks of a build folder (build/release by default).
# Installs FAISS (PyPI faiss-cpu) into a virtual environment below that folder, nowhere else.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
environment=$build/faiss-venv

if [[ ! -x $environment/bin/python ]] || ! "$environment/bin/python" -c 'import faiss' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet faiss-cpu numpy
fi
exec "$environment/bin/python" "$root/tests/bench/faiss_comparison.py" \
  "$build/bin/kvsift_bench_kernels" --json "$build/faiss_comparison.json" "${@:2}"
