#!/bin/sh
# Rolling upgrade of a pool of three under load: each server is ended and started again, one after
# the other, while kvsift-load decodes and recomputes answers. Fails unless no call failed, no
# answer was wrong, and sequences of every server were brought back.
#
#   deploy/upgrade_test.sh [--bin DIR] [--new-bin DIR] [--kill | --hang] [--seconds N]
#
# --bin      where the programs are (build/release/bin)
# --new-bin  where the server that is upgraded to is (the same)
# --kill     ends the servers without a drain, as a lost node does
# --hang     stops each for a while before, so that it keeps its connections and says nothing
# --seconds  time between two servers (3)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/build/release/bin
new_bin=
signal=TERM
seconds=3
spans=5 # of `seconds`, that the load goes on for
while [ $# -gt 0 ]; do
  case $1 in
    --bin) bin=$2; shift 2 ;;
    --new-bin) new_bin=$2; shift 2 ;;
    --kill) signal=KILL; shift ;;
    --hang) signal=STOP; spans=8; shift ;;
    --seconds) seconds=$2; shift 2 ;;
    *) echo "usage: $0 [--bin DIR] [--new-bin DIR] [--kill | --hang] [--seconds N]" >&2; exit 2 ;;
  esac
done
new_bin=${new_bin:-$bin}

folder=$(mktemp -d)
members="a b c"

# The process of a member; empty if there is none.
process_of() { cat "$folder/$1.pid" 2>/dev/null || true; }

finish() {
  for member in $members load; do
    process=$(process_of "$member")
    [ -z "$process" ] || kill -KILL "$process" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

# start MEMBER DIR: starts a server and waits until it listens.
start() {
  : >"$folder/$1.out"
  "$2/kvsift-server" --listen "unix:$folder/$1" --threads 1 --memory 256MiB --backend cpu \
    --drain-timeout 5 --log-level warning >"$folder/$1.out" 2>"$folder/$1.log" &
  echo $! >"$folder/$1.pid"
  tries=0
  until grep -q '^listening on ' "$folder/$1.out"; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 "$(process_of "$1")" 2>/dev/null; then
      echo "upgrade_test: server $1 does not start:" >&2
      cat "$folder/$1.log" >&2
      exit 1
    fi
    sleep 0.1
  done
}

for member in $members; do start "$member" "$bin"; done

# Verification is done while the processor is idle, so there is some time to think.
"$bin/kvsift-load" --server "unix:$folder/a,unix:$folder/b,unix:$folder/c" --scenario decode \
  --workers 6 --sequences 3 --context 500 --grow 40 --layers 2 --kv-heads 2 --query-heads 4 \
  --head-dim 64 --k 64 --think-time 5ms --warm-up 500ms --duration "$((spans * seconds))s" \
  --verify 0.02 --dump-to "$folder" --format json >"$folder/report.json" 2>"$folder/load.log" &
echo $! >"$folder/load.pid"

sleep "$seconds"
for member in $members; do
  echo "upgrade_test: SIG$signal to server $member"
  process=$(process_of "$member")
  kill "-$signal" "$process"
  if [ $signal = STOP ]; then
    sleep "$seconds"
    kill -KILL "$process"
  fi
  wait "$process" 2>/dev/null || true
  start "$member" "$new_bin"
  sleep "$seconds"
done

code=0
wait "$(process_of load)" || code=$?
rm "$folder/load.pid"
cat "$folder/load.log" >&2
if [ "$code" -ne 0 ]; then
  echo "upgrade_test: kvsift-load ended with $code" >&2
  exit 1
fi
python3 "$root/deploy/upgrade_report.py" "$folder/report.json"
