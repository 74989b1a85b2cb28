#!/usr/bin/env bash
# Builds the .deb packages, installs them into a fresh Debian root, uses what they hold as an
# operator would, removes and purges them: after that the root is what it was. Also the .tar.gz:
# that its programs run. Takes some two minutes and 700 MB of disk.
#
# usage: deploy/packages/package_test.sh [BUILD_FOLDER]
#   BUILD_FOLDER  a build of everything; build/release by default
#
# Installs mmdebstrap and dpkg's tools if they are missing. Exits with 77 (skipped) where it cannot
# run: not as root, not on Debian, or without namespaces.
set -euo pipefail

skip() {
  echo "skipped: $*"
  exit 77
}

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(cd "${1:-build/release}" && pwd)
[[ $(id -u) == 0 ]] || skip "needs root, for chroot"
command -v apt-get >/dev/null || skip "needs Debian's tools"
# shellcheck source=deploy/setup.sh
source deploy/setup.sh
install_packages packages
unshare --mount --net --pid --fork true 2>/dev/null || skip "no namespaces here"

work=$build/package_test
debian=$work/root
rm -rf "$work"
mkdir -p "$work/packages"

echo "==> Packages"
(cd "$work" && cpack --config "$build/CPackConfig.cmake" -B "$work/packages") >"$work/cpack.log" ||
  fail "cpack failed: $work/cpack.log"
mapfile -t packages < <(find "$work/packages" -maxdepth 1 -name '*.deb' | sort)
[[ ${#packages[@]} == 3 ]] || fail "3 packages expected: ${packages[*]}"
ls -sh "${packages[@]}" "$work"/packages/*.tar.gz

echo "==> A fresh root, with what the packages depend on"
depends=$(for package in "${packages[@]}"; do dpkg-deb --field "$package" Depends; done |
  sed -e 's/([^)]*)//g' -e 's/|[^,]*//g' | tr ',' '\n' | tr -d ' ' | grep . | grep -v kvsift | sort -u | paste -sd,)
mmdebstrap --quiet --variant=minbase --include="$depends" bookworm "$debian" ||
  skip "no Debian archive can be reached"

# inside COMMAND...: runs it in the root, in namespaces of its own, with a network of its own.
inside() {
  # shellcheck disable=SC2016
  unshare --mount --net --pid --fork --kill-child bash -c '
    ip link set lo up
    mount -t proc proc "$1/proc"
    mount -t sysfs -o ro sysfs "$1/sys"
    root=$1
    shift
    exec chroot "$root" "$@"' bash "$debian" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# snapshot FILE: every path of the root with owner, mode and size of files; without what dpkg and
# the account tools keep for themselves.
snapshot() {
  (cd "$debian" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./proc \
    -o -path ./sys -o -path ./run/adduser -o -path './etc/*-' -o -path ./var/cache \) -prune -o \
    -type f -printf '%p %u %m %s\n' -o -printf '%p %u %m\n' | sort) >"$1"
}

snapshot "$work/before"
cp "${packages[@]}" "$debian/root/"

echo "==> Installing"
# shellcheck disable=SC2016
inside bash -c 'dpkg -i /root/*.deb' >"$work/install.log" 2>&1 || fail "see $work/install.log"

echo "==> Using"
cp deploy/packages/installed_test.sh "$debian/root/"
inside bash /root/installed_test.sh
rm "$debian/root/installed_test.sh"

echo "==> Removing"
echo '# changed' >>"$debian/etc/kvsift/kvsift.conf"
inside dpkg -r kvsift-server kvsift libkvsift-dev >"$work/remove.log" 2>&1
[[ -e $debian/etc/kvsift/kvsift.conf ]] || fail "a removal took the configuration"
[[ ! -e $debian/usr/bin/kvsift-server ]] || fail "a removal left the program"
inside dpkg -P kvsift-server kvsift libkvsift-dev >"$work/purge.log" 2>&1
rm "$debian"/root/*.deb
snapshot "$work/after"
diff "$work/before" "$work/after" >"$work/left" || fail "a purge leaves: $(cat "$work/left")"

echo "==> The archive"
mkdir "$work/unpacked"
tar xzf "$work"/packages/*.tar.gz -C "$work/unpacked" --strip-components=1
for program in kvsift kvsift-load kvsift-server; do
  "$work/unpacked/bin/$program" --help >/dev/null
done

rm -rf "$debian" "$work/unpacked"
echo "installed, used, removed and purged: nothing stays behind"
