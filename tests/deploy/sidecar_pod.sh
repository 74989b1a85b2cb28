#!/usr/bin/env bash
# The sidecar pod plays (deploy/kubernetes/play_sidecar.sh). Exits with 77 (skipped) where podman, the
# image or a kubectl that renders is absent.
#
# usage: sidecar_pod.sh
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/setup.sh"
cd "${root:?}"
for tool in podman runc catatonit kubectl; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool (deploy/test.sh --full)" && exit 77; }
done
[[ $(id -u) == 0 ]] || { echo "skipped: podman needs root here" && exit 77; }
kubectl kustomize deploy/kubernetes/overlays/sidecar-cpu >/dev/null 2>&1 ||
  { echo "skipped: this kubectl cannot render the manifests" && exit 77; }
podman image exists "localhost/kvsift:$(project_version)" ||
  { echo "skipped: no image (deploy/docker/build.sh)" && exit 77; }
exec deploy/kubernetes/play_sidecar.sh
