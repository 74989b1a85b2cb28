# Set-up shared by quickstart.sh and test.sh, which source it: packages and build.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n==> %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# packages_of GROUP...: the packages of those groups, one a line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$root/deploy/packages/apt.txt"
  done
}

# project_version: as CMakeLists.txt has it.
project_version() {
  awk '$1 == "project(kvsift" { print $3 }' "$root/CMakeLists.txt"
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_packages GROUP...: installs what is missing of those groups, and says so.
install_packages() {
  local wanted missing=() package as_root=()
  mapfile -t wanted < <(packages_of "$@")
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "this system has no apt-get. Install the counterparts of these Debian packages and run" \
      "$(basename "$0") --no-install: ${wanted[*]}"
  fi
  for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} == 0 ]]; then
    say "Packages: all ${#wanted[@]} are installed"
    return
  fi
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null ||
      fail "needs root or sudo to install: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "Packages: installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# build PRESET [TARGET [OPTION...]]: configures, with these options of CMake, and builds into
# build/PRESET; everything without a target.
build() {
  local preset=$1 target=${2:-all}
  say "Building build/$preset ($target)"
  (cd "$root" && cmake --preset "$preset" --log-level=NOTICE "${@:3}" &&
    cmake --build --preset "$preset" --parallel "$(nproc)" --target "$target")
}
