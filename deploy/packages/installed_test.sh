#!/usr/bin/env bash
# What package_test.sh runs in the root where the packages are installed.
set -euo pipefail

fail() {
  echo "installed_test.sh: $*" >&2
  exit 1
}

for program in kvsift kvsift-load kvsift-server; do
  "$program" --help >/dev/null
  test -s "/usr/share/man/man1/$program.1.gz"
  test -s "/usr/share/bash-completion/completions/$program"
done
for package in kvsift kvsift-server libkvsift-dev; do
  test -s "/usr/share/doc/$package/copyright"
done
test -s /usr/lib/systemd/system/kvsift-server.service
test -s /usr/lib/cmake/kvsift/kvsiftConfig.cmake
[[ $(stat -c '%U %G %a' /run/kvsift) == 'kvsift kvsift 750' ]] || fail "/run/kvsift: whose is it?"
kvsift-server --check-config --config /etc/kvsift/kvsift.conf

# The server as the unit starts it, and clients of its two listeners.
umask 0007
exec {out}< <(exec setpriv --reuid kvsift --regid kvsift --clear-groups --no-new-privs \
  kvsift-server --config /etc/kvsift/kvsift.conf 2>/root/server.log)
pid=$!
for _ in 1 2 3; do
  read -r -t 60 -u "$out" line || fail "the server does not start: $(cat /root/server.log)"
  echo "$line"
done
kvsift status --server unix:/run/kvsift/kvsift.sock
kvsift-load --server 127.0.0.1:7600 --duration 1s --warm-up 0s --context 256 --verify 1 >/dev/null
[[ $(stat -c '%G %a' /run/kvsift/kvsift.sock) == 'kvsift 770' ]] || fail "who may use the socket?"
kill -TERM "$pid"
wait "$pid" || fail "the server ended with $?"
[[ ! -e /run/kvsift/kvsift.sock ]] || fail "the socket is still there"
rm /root/server.log
