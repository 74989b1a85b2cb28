#!/usr/bin/env bash
# All C++ is as clang-format leaves it.
set -euo pipefail
cd "$(dirname "$0")/../.."

# It must object to what is badly laid out, or it checks nothing.
if printf 'int  a;\n' | clang-format-14 --dry-run -Werror --assume-filename=a.cc 2>/dev/null; then
  echo "clang-format accepts anything"
  exit 1
fi
find kernels server client tests \( -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -n 40 clang-format-14 --dry-run -Werror
