#!/usr/bin/env bash
# Builds kernels and engine for 64-bit Arm (NEON) and runs their tests under qemu.
#
# usage: deploy/test_aarch64.sh
#
# Needs Debian's mmdebstrap, g++-aarch64-linux-gnu and qemu-user, which it installs if they are
# missing. The arm64 libraries go into a folder of the build tree, not into this system. Nothing
# here is timed: an emulated processor says nothing about speed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tree=build/aarch64
sysroot=$PWD/$tree/sysroot
packages=(libc6-dev libstdc++-12-dev libabsl-dev libhwy-dev libxxhash-dev libgtest-dev libgmock-dev
  nlohmann-json3-dev)

# shellcheck source=deploy/setup.sh
source deploy/setup.sh
install_packages aarch64

if [[ ! -e $sysroot.complete ]]; then
  echo "Unpacking arm64 libraries into $tree/sysroot"
  rm -rf "$sysroot"
  mkdir -p "$tree"
  mmdebstrap --quiet --mode=root --variant=extract --arch=arm64 \
    --include="$(IFS=,; echo "${packages[*]}")" bookworm "$sysroot"
  touch "$sysroot.complete"
fi

cmake -S . -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_TOOLCHAIN_FILE="$PWD/deploy/cmake/aarch64-linux.cmake" -DKVSIFT_SYSROOT="$sysroot" \
  -DKVSIFT_SERVICE=OFF -DKVSIFT_BENCHMARKS=OFF
cmake --build "$tree"
ctest --test-dir "$tree" --output-on-failure
