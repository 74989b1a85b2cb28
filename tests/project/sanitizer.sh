#!/usr/bin/env bash
# Builds a sanitizer preset (nothing to do after deploy/test.sh) and runs its tests.
#
# usage: sanitizer.sh PRESET
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset "$1" --log-level=WARNING
cmake --build --preset "$1" --parallel "$(nproc)"
ctest --preset "$1" --parallel 2 --no-tests=error
