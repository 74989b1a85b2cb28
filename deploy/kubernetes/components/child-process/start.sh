#!/bin/sh
# Starts an MPS daemon and kvsift-server, waits until it serves, and becomes the worker. When the
# worker ends, the container does, and all of them with it; a server that ends fails the liveness
# probe, and the container starts again.
#
# usage: start.sh WORKER [ARGUMENT...]      $KVSIFT_ARGUMENTS: of the server
set -eu

rm -rf /tmp/kvsift-lines /tmp/nvidia-mps # of a container that was here before

# The container toolkit brings nvidia-cuda-mps-control with the driver.
if command -v nvidia-cuda-mps-control >/dev/null; then
  nvidia-cuda-mps-control -d
else
  echo "no nvidia-cuda-mps-control: worker and server take turns on the GPU" >&2
fi

mkfifo /tmp/kvsift-lines
# shellcheck disable=SC2086  # several arguments
/opt/kvsift/bin/kvsift-server --config=/etc/kvsift/kvsift.conf \
  --listen=unix:/run/kvsift/kvsift.sock $KVSIFT_ARGUMENTS >/tmp/kvsift-lines &
# It prints where it listens once its memory is reserved; nothing if it could not start.
read -r line </tmp/kvsift-lines || { echo "kvsift-server did not start" >&2 && exit 1; }
echo "$line"
rm /tmp/kvsift-lines
exec "$@"
