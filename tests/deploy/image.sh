#!/usr/bin/env bash
# The CPU image builds without a daemon, is the same when it is built again, runs as the manifests
# say, and answers rightly. Exits with 77 (skipped) where buildah or podman cannot run.
#
# usage: image.sh
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/setup.sh"
for tool in buildah podman runc patchelf; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool (deploy/test.sh --full)" && exit 77; }
done
[[ $(id -u) == 0 ]] || { echo "skipped: containers without a daemon need root here" && exit 77; }
export CONTAINERS_CONF=${root:?}/deploy/kubernetes/podman.conf

began=$SECONDS
"$root/deploy/docker/build.sh"
image=localhost/kvsift:$(project_version)
id=$(podman image inspect --format '{{.Id}}' "$image")

# As the manifests have it: nothing to write on, no capability, not root.
as_in_the_manifests=(--network host --read-only --read-only-tmpfs=false --cap-drop all
  --security-opt no-new-privileges)
container=$(podman run --detach "${as_in_the_manifests[@]}" "$image" --listen 127.0.0.1:0)
trap 'podman rm --force "$container" >/dev/null' EXIT
until address=$(podman logs "$container" 2>/dev/null | awk '/^listening on/ { print $3 }') &&
  [[ -n $address ]]; do
  [[ $(podman inspect --format '{{.State.Running}}' "$container") == true ]] ||
    { podman logs "$container" >&2 && fail "the server did not start"; }
  sleep 0.1
done
podman exec "$container" kvsift status --server "$address"
echo "from a built tree to the first answer: $((SECONDS - began)) s"

say "Load"
podman run --rm "${as_in_the_manifests[@]}" --entrypoint /opt/kvsift/bin/kvsift-load "$image" \
  --server "$address" --scenario mixed --duration 5s --verify 0.05 | tee "$root/build/image/load.txt"
grep -qE '^verified +[1-9][0-9]* answers, 0 different' "$root/build/image/load.txt" ||
  fail "the load test verified nothing, or a wrong answer"
podman stop "$container" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
[[ $code == 0 ]] || fail "the server ended with exit code $code"

say "What is in the image"
[[ $(podman image inspect --format '{{.Config.User}}' "$image") == 65532:65532 ]] || fail "runs as root"
for label in title description licenses version revision created; do
  value=$(podman image inspect --format "{{index .Labels \"org.opencontainers.image.$label\"}}" "$image")
  [[ -n $value && $value != unknown ]] || fail "no label $label"
  echo "$label: $value"
done

say "The same again"
"$root/deploy/docker/build.sh" >/dev/null
again=$(podman image inspect --format '{{.Id}}' "$image")
[[ $id == "$again" ]] || fail "another image: $id, then $again"
echo "image $id"
