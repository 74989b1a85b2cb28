#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs all tests.
#
# usage: deploy/test.sh [--full] [--no-install]
#   --full        long stress, model and matrix runs, and the thread sanitizer
#   --no-install  the packages are there
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

full=
install=yes
for option in "$@"; do
  case $option in
    --full) full=yes ;;
    --no-install) install= ;;
    *) fail "usage: deploy/test.sh [--full] [--no-install]" ;;
  esac
done

# install_buf: buf into build/tools. Where the package index cannot be reached its test is skipped.
install_buf() {
  local tools=$root/build/tools
  [[ ! -x $tools/bin/buf ]] || return 0
  say "Installing buf into build/tools"
  if ! { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet buf-bin; }; then
    echo "buf could not be installed: its test will be skipped"
  fi
}

[[ -z $install ]] || install_packages build test
install_buf
build release
build asan
[[ -z $full ]] || build tsan

say "Testing"
cd "$root"
exec ctest --preset release --parallel 2 ${full:+-C Long}
