#!/usr/bin/env bash
# Runs kvsift.torch on a GPU: the golden cases and all else that tests/python/test_torch_encoding.py
# checks, and its speed. Needs Python with torch and pytest; neither a server nor a build: the
# modules that are tested are plain Python, and are taken out of the package for it.
set -euo pipefail
cd "$(dirname "$0")/../.."

package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
mkdir "$package/kvsift"
touch "$package/kvsift/__init__.py"
cp client/python/kvsift/{quantizer,torch}.py "$package/kvsift"

export PYTHONPATH=$package:tests/python KVSIFT_REQUIRE_BACKEND=cuda
python3 -m pytest -q --noconftest -p torch_device -p no:cacheprovider \
  tests/python/test_torch_encoding.py
python3 tests/bench/torch_encoding.py --device cuda
