#!/usr/bin/env bash
# The systemd unit is one that systemd understands, and is as hardened as the README states. Exits
# with 77 (skipped) where there is no systemd-analyze.
set -euo pipefail
if ! command -v systemd-analyze >/dev/null; then
  echo "skipped: no systemd-analyze"
  exit 77
fi
cd "$(dirname "$0")/../../deploy/packages"
limit=19 # tenths of the exposure level, 0 to 100, that deploy/packages/README.md states

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# exposed UNIT: the unit is exposed beyond the limit.
exposed() { ! systemd-analyze security --offline=yes --no-pager --threshold="$limit" "$1" >"$work/log" 2>&1; }

# It must object to a unit that is not hardened, or it checks nothing.
grep -v ^CapabilityBoundingSet= kvsift-server.service >"$work/kvsift-server.service"
if ! exposed "$work/kvsift-server.service"; then
  echo "systemd-analyze accepts anything"
  exit 1
fi
if exposed "$PWD/kvsift-server.service"; then
  cat "$work/log"
  exit 1
fi
tail -1 "$work/log"

# What systemd says of words that it does not know; not of programs that are not installed here.
cp kvsift-server.service "$work"
sed -i -e "s|^ExecStart=/usr/bin/kvsift-server|ExecStart=$(command -v true)|" -e /^Documentation=/d \
  "$work/kvsift-server.service"
if ! systemd-analyze verify "$work/kvsift-server.service" >"$work/verify" 2>&1 ||
  grep kvsift-server "$work/verify"; then
  cat "$work/verify"
  exit 1
fi
