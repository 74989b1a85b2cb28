#!/usr/bin/env bash
# The wire contract passes `buf lint`. Exits with 77 (skipped) where buf is not installed.
#
# usage: buf_lint.sh BUF
set -euo pipefail
buf=$1
if [[ ! -x $buf ]]; then
  echo "skipped: no $buf (deploy/test.sh installs it where the package index can be reached)"
  exit 77
fi
cd "$(dirname "$0")/../../proto"

# It must object to a bad file, or it checks nothing.
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
cp buf.yaml "$bad"
printf 'syntax = "proto3";\npackage Bad;\nmessage lower {}\n' >"$bad/bad.proto"
if "$buf" lint "$bad" >/dev/null 2>&1; then
  echo "buf accepts anything"
  exit 1
fi
"$buf" lint
