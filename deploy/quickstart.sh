#!/usr/bin/env bash
# Installs what is missing, builds the programs, and replays a real model's queries through a
# server. For Debian 12; Ubuntu 24.04 has the same packages, untested.
#
# usage: deploy/quickstart.sh [--no-install]
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

trace=$root/tests/data/traces/war-and-peace-layer-14.safetensors
bin=$root/build/release/bin
log=$root/build/quickstart-server.log

case ${1-} in
  '') install_packages build ;;
  --no-install) ;;
  *) fail "usage: deploy/quickstart.sh [--no-install]" ;;
esac
build release programs

pid=
stop_server() {
  [[ -z $pid ]] || kill -TERM "$pid" 2>/dev/null || true
}
trap stop_server EXIT

say "Starting kvsift-server"
exec {server_out}< <(exec "$bin/kvsift-server" --listen 127.0.0.1:0 2>"$log")
pid=$!
line=
read -r -t 60 -u "$server_out" line || true
if [[ $line != 'listening on '* ]]; then
  cat "$log" >&2
  fail "the server did not start (its log is above)"
fi
address=${line#listening on }
echo "$line"

say "Replaying 64 positions of War and Peace, layer 14 of SmolLM2-135M: 9 query heads, 3 kv heads"
"$bin/kvsift" evaluate --server "$address" --trace "$trace" \
  --estimators manhattan,dot,asymmetric_dot --k 64,256 --calibration-positions 4096

say "Stopping the server"
kill -TERM "$pid"
wait "$pid" || fail "the server did not stop cleanly: see $log"

cat <<END

Done. What next:
  $bin/kvsift-server --listen 127.0.0.1:7600    a server of your own (--help: all options)
  $bin/kvsift status --server 127.0.0.1:7600    what it is and has
  $root/deploy/test.sh                           all tests
  $root/README.md                                the wire, the C++ client, operations
END
