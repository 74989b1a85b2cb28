#!/usr/bin/env bash
# Writes the archive that runs on a machine with nothing but glibc 2.36 and, for GPUs, an NVIDIA
# driver: build/kvsift-VERSION-linux-x86_64.tar.gz, and beside it the debug symbols of what is in it.
#
# usage: [KVSIFT_CUDA_ARCHITECTURES=LIST] [CXXFLAGS=FLAGS] [JOBS=N] deploy/bundle.sh
#   KVSIFT_CUDA_ARCHITECTURES  instead of all (CMakePresets.json): "90" builds much faster
#   CXXFLAGS                   instead of -g1, line numbers for debuggers; empty: the objects of
#                              build/release serve, where ccache has them
#   JOBS                       compilers at once; all processors by default
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
[[ $# == 0 ]] || fail "usage: [KVSIFT_CUDA_ARCHITECTURES=LIST] [CXXFLAGS=FLAGS] [JOBS=N] $0"

build=${root:?}/build/bundle
most_bytes=$((40 << 20))

say "Building build/bundle"
cd "$root"
cmake --preset bundle --log-level=NOTICE \
  ${KVSIFT_CUDA_ARCHITECTURES:+-DCMAKE_CUDA_ARCHITECTURES="$KVSIFT_CUDA_ARCHITECTURES"} \
  ${CXXFLAGS+-DCMAKE_CXX_FLAGS="$CXXFLAGS"}
cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target bundled

say "Packing"
rm -rf "$build/packed"
cpack --config "$build/CPackConfig.cmake" -B "$build/packed" >"$build/cpack.log" ||
  { cat "$build/cpack.log" >&2 && fail "cpack failed"; }
archive=$(echo "$build"/packed/kvsift-*.tar.gz)
name=$(basename "$archive" .tar.gz)

# debug_symbols_of FILE: into the folder where a debugger looks for them by build id.
debug_symbols_of() {
  local id
  id=$(readelf -n "$1" | awk '/Build ID/ { print $3 }')
  [[ -n $id ]] || fail "$1 has no build id"
  mkdir -p "$symbols/${id:0:2}"
  objcopy --only-keep-debug --compress-debug-sections "$1" "$symbols/${id:0:2}/${id:2}.debug"
}

say "Setting debug symbols aside"
symbols=$build/debug/$name-debug/.build-id
rm -rf "$build/debug"
while read -r file; do
  debug_symbols_of "$file"
done <"$build/bundled.txt"
tar -C "$build/debug" -czf "$root/build/$name-debug.tar.gz" "$name-debug"

say "Checking"
rm -rf "$build/unpacked"
mkdir -p "$build/unpacked"
tar -C "$build/unpacked" -xzf "$archive"
"$root/deploy/bundle_linkage.sh" "$build/unpacked/$name"
bytes=$(stat -c %s "$archive")
((bytes <= most_bytes)) || fail "the archive has $bytes bytes, at most $most_bytes"
mv "$archive" "$root/build/"
printf '%s: %d bytes\n' "build/$name.tar.gz" "$bytes" \
  "build/$name-debug.tar.gz" "$(stat -c %s "$root/build/$name-debug.tar.gz")"
