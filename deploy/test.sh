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

# install_python: what the tests of the Python package need into build/python, and the options of
# the release build that take it. Where the package index cannot be reached they are skipped, and
# where only torch is missing, those that need it.
install_python() {
  local python=$root/build/python requirements=$root/client/python/requirements
  local pip=("$python/bin/python" -m pip install --quiet)
  say "Python packages into build/python"
  if [[ ! -e $python/bin/python ]]; then
    python3 -m venv "$python" || return 0
    # Torch comes in seconds rather than minutes.
    "${pip[@]}" uv || echo "no uv: pip installs the rest"
  fi
  [[ ! -x $python/bin/uv ]] || pip=("$python/bin/uv" pip install --quiet --python "$python/bin/python")
  if ! "${pip[@]}" -r "$requirements-test.txt"; then
    echo "the packages could not be installed: tests of the Python package will be skipped"
    return 0
  fi
  "${pip[@]}" -r "$requirements-model.txt" ||
    echo "torch could not be installed: tests that need it will be skipped"
  python_options=(-DKVSIFT_PYTHON=ON -DPython_EXECUTABLE="$python/bin/python")
}

[[ -z $install ]] || install_packages build test
install_buf
python_options=()
install_python
build release all "${python_options[@]}"
build asan
[[ -z $full ]] || build tsan

say "Testing"
cd "$root"
exec ctest --preset release --parallel 2 ${full:+-C Long}
