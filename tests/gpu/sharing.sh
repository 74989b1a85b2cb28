#!/usr/bin/env bash
# The round trip of a Select through a server on a unix socket, alone on the GPU and beside a
# process that keeps it busy, without MPS and with it. Starts and stops an MPS daemon of its own.
# Prints a table; FOLDER/sharing.json has every figure.
#
# usage: sharing.sh [--out FOLDER] [--root FOLDER] [--calls N] [--positions N]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$PWD/kvsift-sharing
root=$here/../..
calls=3000
positions=32768
while (($# > 0)); do
  case $# in 1) echo "usage: sharing.sh [--out FOLDER] [--root FOLDER] [--calls N] [--positions N]" >&2 && exit 2 ;; esac
  case $1 in
    --out) out=$2 ;;
    --root) root=$2 ;;
    --calls) calls=$2 ;;
    --positions) positions=$2 ;;
    *) echo "sharing.sh: unknown option $1" >&2 && exit 2 ;;
  esac
  shift 2
done
mkdir -p "$out"
tests=$(cd "$root/tests" && pwd)
work=$(mktemp -d)
load_pid=
mps=

stop_load() {
  [[ -z $load_pid ]] || { kill -TERM "$load_pid" && wait "$load_pid"; } || true
  load_pid=
}
stop_mps() {
  [[ -z $mps ]] || echo quit | nvidia-cuda-mps-control || true
  mps=
}
trap 'stop_load; stop_mps; rm -rf "$work"' EXIT

# start_load ARGUMENT...: returns when its kernels run.
start_load() {
  local line=
  exec {load_out}< <(exec "$tests/kvsift_gpu_load" --seconds 300 "$@")
  load_pid=$!
  read -r -t 60 -u "$load_out" line || true
  [[ $line == busy* ]] || { echo "the load did not start" >&2 && exit 1; }
}

# measure NAME: into FOLDER/NAME.json, and a line of the table.
measure() {
  "$tests/kvsift_roundtrip" --backend cuda --calls "$calls" --positions "$positions" --kv-heads 8 \
    --query-heads 64 --k 256 --json "$out/$1.json" >"$out/$1.txt"
  awk -v name="$1" '$1 == "select" { printf "%-28s p50 %9.1f us  p99 %9.1f us\n", name, $3, $6 }' \
    "$out/$1.txt"
}

# both PREFIX: alone, and beside a load that leaves no multiprocessor free, then some.
both() {
  measure "$1-alone"
  start_load
  measure "$1-beside-full-load"
  stop_load
  start_load --free-multiprocessors 16
  measure "$1-beside-load-16-free"
  stop_load
}

both without-mps
export CUDA_MPS_PIPE_DIRECTORY=$work/pipe CUDA_MPS_LOG_DIRECTORY=$work/log
mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
nvidia-cuda-mps-control -d
mps=yes
both with-mps
stop_mps

{
  separator='{'
  for file in "$out"/with*.json; do
    printf '%s\n"%s": ' "$separator" "$(basename "$file" .json)"
    cat "$file"
    separator=,
  done
  echo '}'
} >"$out/sharing.json"
