#!/usr/bin/env bash
# Installs a build into a folder of its own; a project outside finds, links and runs it.
#
# usage: consumer.sh BUILD_FOLDER CXX_COMPILER
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$build/consumer
rm -rf "$work"
mkdir -p "$work"

cmake --install "$build" --prefix "$work/installed" >"$work/install.log"
cp -r "$here/consumer" "$work/source"  # away from our headers: only installed ones can be found
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$2" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" \
  -DCMAKE_BUILD_TYPE=Release -Dkvsift_ROOT="$work/installed" --log-level=WARNING
cmake --build "$work/build"
"$work/build/consumer" "$work/installed/bin/kvsift-server"
"$work/installed/bin/kvsift" --help >/dev/null
test -f "$work/installed/share/kvsift/proto/kvsift/v1/selection.proto"
