#!/usr/bin/env bash
# Runs a script with the Python of build/tools. Exits with 77 (skipped) where that is absent.
#
# usage: with_tools.sh TOOLS SCRIPT [ARGUMENT...]
set -euo pipefail
python=$1/bin/python
if [[ ! -x $python ]]; then
  echo "skipped: no $python (deploy/test.sh makes it where the package index can be reached)"
  exit 77
fi
shift
exec "$python" -B "$@"
