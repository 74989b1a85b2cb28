#!/usr/bin/env bash
# The wire contract is compatible with that of the last release (proto/released): clients and
# servers of both can be mixed, as a rolling upgrade does, and code that was generated from the old
# one still compiles. Exits with 77 (skipped) where buf is not installed.
#
# usage: buf_breaking.sh BUF [--release]
#   --release  makes the contract as it is now the released one: part of making a release
set -euo pipefail
buf=$1
if [[ ! -x $buf ]]; then
  echo "skipped: no $buf (deploy/test.sh installs it where the package index can be reached)"
  exit 77
fi
buf=$(realpath "$buf")
cd "$(dirname "$0")/../../proto"
released=released/kvsift.binpb

if [[ ${2:-} == --release ]]; then
  "$buf" build --exclude-source-info -o "$released"
  echo "proto/$released is the contract as it is now"
  exit
fi

# It must object to what breaks clients and to nothing else, or it checks nothing.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r buf.yaml kvsift "$copy"
message=$copy/kvsift/v1/batch.proto
# changed SED_SCRIPT: the copy with that change to one file passes the check.
changed() {
  cp kvsift/v1/batch.proto "$message"
  sed -i "$1" "$message"
  if cmp -s kvsift/v1/batch.proto "$message"; then
    echo "'$1' changes nothing" >&2
    exit 1
  fi
  "$buf" breaking "$copy" --against "$released"
}

if changed '/int32 k = /d' >/dev/null; then
  echo "buf does not mind a field that is gone"
  exit 1
fi
if changed 's/int32 k = /int64 k = /' >/dev/null; then
  echo "buf does not mind a field of another type"
  exit 1
fi
changed '$ a message Later {}'
changed 's/int32 k = .*/&\n  int32 later = 4711;/'

"$buf" breaking --against "$released"
