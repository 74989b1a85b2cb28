#!/usr/bin/env bash
# The sidecar pod plays (deploy/kubernetes/play_sidecar.sh). Exits with 77 (skipped) where podman, the
# image or a kubectl that renders is absent.
#
# usage: sidecar_pod.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for tool in podman runc catatonit kubectl; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool (deploy/test.sh --full)" && exit 77; }
done
[[ $(id -u) == 0 ]] || { echo "skipped: podman needs root here" && exit 77; }
kubectl kustomize deploy/kubernetes/overlays/sidecar-cpu >/dev/null 2>&1 ||
  { echo "skipped: this kubectl cannot render the manifests" && exit 77; }
podman image exists localhost/kvsift:0.1.0 || { echo "skipped: no image (deploy/docker/build.sh)" && exit 77; }
exec deploy/kubernetes/play_sidecar.sh
