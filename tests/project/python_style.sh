#!/usr/bin/env bash
# The Python package and its tests are as ruff leaves them (ruff.toml), and its types agree.
#
# usage: python_style.sh PYTHON
set -euo pipefail
python=$1
cd "$(dirname "$0")/../.."

if printf 'import  os\n' | "$python" -m ruff check --quiet - >/dev/null; then
  echo "ruff accepts anything"
  exit 1
fi
"$python" -m ruff format --no-cache --check client/python tests/python
"$python" -m ruff check --no-cache client/python tests/python
cd client/python
"$python" -m mypy --strict --cache-dir=/dev/null kvsift/*.py
