#!/usr/bin/env bash
# Installs a build into a folder of its own; a project outside finds, links and runs it against
# the installed server.
#
# usage: consumer.sh BUILD_FOLDER CXX_COMPILER
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$build/consumer
installed=$work/installed
rm -rf "$installed" "$work/source"
mkdir -p "$work"

cmake --install "$build" --prefix "$installed" >"$work/install.log"
test -f "$installed/share/kvsift/proto/kvsift/v1/selection.proto"
"$installed/bin/kvsift" --help >/dev/null

cp -r "$here/consumer" "$work/source" # away from our headers: only installed ones can be found
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$2" \
  -DCMAKE_BUILD_TYPE=Release -Dkvsift_ROOT="$installed" --log-level=WARNING
cmake --build "$work/build"

exec {out}< <(exec "$installed/bin/kvsift-server" --listen 127.0.0.1:0 2>"$work/server.log")
pid=$!
trap 'kill -TERM "$pid" 2>/dev/null || true' EXIT
read -r -t 60 -u "$out" line
"$work/build/consumer" "${line#listening on }"
