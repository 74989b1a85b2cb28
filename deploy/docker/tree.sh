#!/usr/bin/env bash
# Lays programs and the shared libraries that they need out as one folder that runs from anywhere
# on a machine with glibc 2.36: bin/ and lib/, found by DT_RPATH.
#
# usage: tree.sh PROGRAMS_FOLDER TREE
#   PROGRAMS_FOLDER  holds kvsift, kvsift-server and kvsift-load
#   TREE             is made anew
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# == 2 ]] || { echo "usage: $0 PROGRAMS_FOLDER TREE" >&2 && exit 2; }
programs=$1
tree=$2

# Every image has these; they come with glibc.
glibc='^(ld-linux.*|linux-vdso|lib(c|m|dl|pthread|rt|resolv))\.so'

rm -rf "${tree:?}"
mkdir -p "$tree/bin" "$tree/lib"
for name in kvsift kvsift-server kvsift-load; do
  install -m 755 "$programs/$name" "$tree/bin/$name"
  ldd "$programs/$name" | awk '$2 == "=>" { print $1, $3 }' | while read -r library path; do
    [[ $library =~ $glibc ]] || install -m 644 "$path" "$tree/lib/$library"
  done
  strip "$tree/bin/$name"
  # Not DT_RUNPATH, which does not hold for the libraries of libraries.
  # shellcheck disable=SC2016
  patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$tree/bin/$name"
done
# Libraries of an archive say nothing about where others are, those of the system neither.
find "$tree/lib" -type f -exec strip --strip-unneeded {} +
"$here/../bundle_linkage.sh" "$tree"
