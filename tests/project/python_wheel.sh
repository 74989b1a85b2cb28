#!/usr/bin/env bash
# The wheel installs into an empty environment and passes the tests of the package there.
#
# usage: python_wheel.sh PYTHON SERVER
set -euo pipefail
python=$1
server=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/build/wheels/venv

rm -rf "$venv" "$root"/build/wheels/*.whl
"$root/deploy/wheel.sh" "$python"
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet "$root"/build/wheels/*.whl pytest
cd "$root"
KVSIFT_SERVER=$server "$venv/bin/python" -B -m pytest -q -p no:cacheprovider tests/python
