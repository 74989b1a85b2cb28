#!/usr/bin/env bash
# All that a GPU must pass, from nothing but the unpacked bundle: one line per stage, a log of each,
# exit code 1 if any failed.
#
# usage: check.sh [--stages A,B,...] [--out FOLDER] [--backend NAME] [--minutes N] [--root FOLDER]
#   --stages   of: devices contract engine end_to_end evaluate differential faults
#              memcheck racecheck synccheck initcheck; or sanitizer, the last four
#   --out      for logs; by default a new one in the current folder
#   --backend  cuda; cpu tries the script itself without a GPU
#   --minutes  of the differential run; 5
#   --root     that holds bin/ and tests/: a build folder; by default the bundle
#   --trace    for evaluate; by default one layer of War and Peace
set -euo pipefail

# Seconds after which a stage has failed; the differential run adds its own length.
declare -A limits=([devices]=60 [contract]=600 [engine]=600 [end_to_end]=900 [evaluate]=300
  [differential]=60 [faults]=180 [memcheck]=400 [racecheck]=400 [synccheck]=400 [initcheck]=400)
sanitizer_stages=(memcheck racecheck synccheck initcheck)
all_stages=(devices contract engine end_to_end evaluate differential faults "${sanitizer_stages[@]}")

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
script=$here/$(basename "${BASH_SOURCE[0]}")
usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$script" >&2
  exit 2
}

stages=("${all_stages[@]}")
out=
backend=cuda
minutes=5
root=$here/../..
trace=
stage_alone=
while (($# > 0)); do
  [[ $# -ge 2 ]] || usage
  case $1 in
    --stages) IFS=, read -r -a stages <<<"$2" ;;
    --out) out=$2 ;;
    --backend) backend=$2 ;;
    --minutes) minutes=$2 ;;
    --root) root=$2 ;;
    --trace) trace=$(realpath "$2") ;;
    --stage-alone) stage_alone=$2 ;; # how the script runs one of them under its limit
    *) usage ;;
  esac
  shift 2
done
wanted=("${stages[@]}")
stages=()
for stage in "${wanted[@]}"; do
  if [[ $stage == sanitizer ]]; then
    stages+=("${sanitizer_stages[@]}")
  else
    [[ -n ${limits[$stage]-} ]] || usage
    stages+=("$stage")
  fi
done
root=$(cd "$root" && pwd)
out=${out:-$PWD/kvsift-check-$(date +%H%M%S)}
mkdir -p "$out"
out=$(cd "$out" && pwd)
trace=${trace:-$root/tests/data/traces/war-and-peace-layer-14.safetensors}
export KVSIFT_REQUIRE_BACKEND=$backend

# test_program NAME ARGUMENT...: one GoogleTest program.
test_program() {
  echo "--- $*"
  "$root/tests/$1" --gtest_brief=1 "${@:2}"
}

# start_server LOG ARGUMENT...: a server on a socket of its own; sets server_pid and address.
start_server() {
  local log=$out/$1 line=
  exec {server_out}< <(exec "$root/bin/kvsift-server" "${@:2}" --listen "unix:$work/$1" 2>"$log")
  server_pid=$!
  read -r -t 60 -u "$server_out" line || true
  [[ $line == 'listening on '* ]] || { cat "$log" && return 1; }
  address=${line#listening on }
}

stop_server() {
  kill -TERM "$server_pid"
  wait "$server_pid"
}

run_devices() {
  [[ $backend != cuda ]] || nvidia-smi
  start_server devices-server.log --backend "$backend"
  "$root/bin/kvsift" status --server "$address"
  stop_server
  local gpus=1
  [[ $backend != cuda ]] || gpus=$(nvidia-smi --list-gpus | wc -l)
  ((gpus >= 2)) || { echo "one device: --devices 0,1 is not tried" && return; }
  start_server devices-two-server.log --backend cuda --devices 0,1
  "$root/bin/kvsift" status --server "$address"
  stop_server
}

run_contract() {
  if [[ $backend == cuda ]]; then
    test_program kernels_cuda_test
    test_program kernels_cuda_allocation_test
    test_program kernels_cuda_contract_test --cases 300
  else
    test_program kernels_contract_test --cases 20
  fi
}

run_engine() {
  test_program engine_model_test --operations 400 --seeds 10
  test_program engine_semantics_test
  test_program engine_property_test
  test_program engine_concurrency_test
  test_program engine_stress_test --seconds 10
}

run_end_to_end() {
  test_program end_to_end_service_test
  test_program end_to_end_bad_input_test
  test_program end_to_end_concurrency_test
  test_program end_to_end_program_test
}

# quality_of NAME ARGUMENT...: what evaluate measures with a server of these arguments, but for the
# times.
quality_of() {
  start_server "evaluate-$1-server.log" "${@:2}"
  "$root/bin/kvsift" evaluate --server "$address" --trace "$trace" --format json \
    --estimators manhattan,squared_euclidean,dot,asymmetric_dot --k 64,256 \
    --groupings head,group_max,group_sum,group_union,layer_max >"$out/evaluate-$1.json"
  "$root/bin/kvsift" evaluate --server "$address" --trace "$trace" \
    --estimators manhattan,dot,asymmetric_dot --k 64,256 --calibration-positions 4096
  stop_server
  grep -v '"us_per_' "$out/evaluate-$1.json" >"$out/evaluate-$1-quality.json"
}

run_evaluate() {
  local name
  quality_of cpu --backend cpu
  quality_of "$backend" --backend "$backend"
  quality_of growing --backend "$backend" --memory 16GiB --grow-memory
  grep -c '"recall"' "$out/evaluate-cpu-quality.json"
  for name in "$backend" growing; do
    cmp "$out/evaluate-$name-quality.json" "$out/evaluate-cpu-quality.json"
  done
  echo "the same to the last digit on $backend, with memory that grows, and on cpu"
}

run_differential() {
  "$root/tests/kvsift_differential" --backend "$backend" --seconds $((minutes * 60)) \
    --first-seed "$(date +%s)"
}

# Few and small cases: the tools run kernels 10 to 100 times slower.
sanitize() {
  PATH=$PATH:/usr/local/cuda/bin compute-sanitizer --tool "$1" --error-exitcode 9 \
    "$root/tests/kernels_cuda_contract_test" --cases 3 \
    --gtest_filter='*RandomContract*:*GoldenContract*:*OneBatchForks*:*SeveralStores*'
}
run_memcheck() { sanitize memcheck; }
run_racecheck() { sanitize racecheck; }
run_synccheck() { sanitize synccheck; }
run_initcheck() { sanitize initcheck; }

# A device that fails fails loudly. A killed server's clients fail, its successor takes over socket
# and memory, and ends cleanly.
run_faults() {
  [[ $backend != cuda ]] || test_program kernels_cuda_fault_test
  start_server faults-server.log --backend "$backend"
  "$root/bin/kvsift" evaluate --server "$address" --trace "$trace" --k 64 >/dev/null
  kill -KILL "$server_pid"
  wait "$server_pid" || echo "killed: exit code $?"
  if "$root/bin/kvsift" status --server "$address" --timeout 2; then
    echo "a dead server answered"
    return 1
  fi
  start_server faults-server.log --backend "$backend"
  "$root/bin/kvsift" evaluate --server "$address" --trace "$trace" --k 64
  stop_server
}

if [[ -n $stage_alone ]]; then
  work=$(mktemp -d)
  trap 'kill -KILL "${server_pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
  "run_$stage_alone"
  exit
fi

failures=0
for stage in "${stages[@]}"; do
  limit=${limits[$stage]}
  [[ $stage != differential ]] || limit=$((limit + minutes * 60))
  begin=$SECONDS
  code=0
  timeout --kill-after=10 "$limit" bash "$script" --stage-alone "$stage" --out "$out" \
    --backend "$backend" --minutes "$minutes" --root "$root" --trace "$trace" >"$out/$stage.log" 2>&1 || code=$?
  case $code in
    0) verdict=ok ;;
    124 | 137) verdict="FAILED: took more than $limit s" ;;
    *) verdict="FAILED with exit code $code" ;;
  esac
  ((code == 0)) || failures=$((failures + 1))
  printf '%-14s %-32s %4d s  %s\n' "$stage" "$verdict" $((SECONDS - begin)) "$out/$stage.log"
done
((failures == 0))
