#!/usr/bin/env bash
# Plays the sidecar pod (overlays/sidecar-cpu) with podman, without a cluster: the worker selects
# over the shared socket, the server dies and comes back, and both end as a pod ends.
#
# usage: deploy/kubernetes/play_sidecar.sh
# Needs podman, runc, catatonit, kubectl, and the image of deploy/docker/build.sh. podman publishes the
# ports 7601 and 7602 of the pod, which must be free.
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
here=${root:?}/deploy/kubernetes
for tool in podman runc catatonit kubectl; do
  command -v "$tool" >/dev/null || fail "needs $tool"
done
export CONTAINERS_CONF=$here/podman.conf
worker="worker-pod-0-worker"
server="worker-pod-0-kvsift"

work=$(mktemp -d)
trap 'podman kube down "$work/played.yaml" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

# podman starts no init container that goes on running: the server moves to `containers`.
cat >"$work/kustomization.yaml" <<END
resources: [$(realpath --relative-to="$work" "$here/overlays/sidecar-cpu")]
patches:
  - target: {kind: Deployment, name: worker}
    patch: |-
      - {op: move, from: /spec/template/spec/initContainers/0, path: /spec/template/spec/containers/-}
      - {op: remove, path: /spec/template/spec/containers/1/restartPolicy}
      - {op: remove, path: /spec/template/spec/initContainers}
END
kubectl kustomize "$here/overlays/sidecar-cpu" >"$work/applied.yaml"
kubectl kustomize "$work" >"$work/played.yaml"
say "What podman plays instead of what Kubernetes is given"
diff --unified=1 "$work/applied.yaml" "$work/played.yaml" | tail -n +3 || true

# metric NAME: the sum of its series; nothing while the server does not answer.
metric() {
  {
    exec 3<>/dev/tcp/127.0.0.1/7601 || return 0
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
    awk -v name="$1" 'index($1, name "{") == 1 || $1 == name { sum += $2; seen = 1 }
                      END { if (seen) printf "%d\n", sum }' <&3
    exec 3>&-
  } 2>/dev/null
}

now_ms() { date +%s%3N; }

# wait_for_selections SECONDS BEGAN: until the server has answered one; prints how long after BEGAN,
# in milliseconds of now_ms, that was.
wait_for_selections() {
  local began=$2 limit selections
  limit=$((began + $1 * 1000))
  until selections=$(metric kvsift_selections_total) && ((${selections:-0} > 0)); do
    (($(now_ms) < limit)) || { podman logs "$server" "$worker" >&2 && fail "no selection in $1 s"; }
    sleep 0.05
  done
  echo "$(($(now_ms) - began)) ms"
}

say "Playing"
began=$(now_ms)
podman kube play "$work/played.yaml" >"$work/play.log"
echo "from play kube to the first selection: $(wait_for_selections 30 "$began")"
podman logs "$server" 2>/dev/null | grep ' on '

say "The server is killed, as if it had crashed"
sleep 2
began=$(now_ms)
kill -KILL "$(podman inspect --format '{{.State.Pid}}' "$server")"
while [[ -n $(metric kvsift_selections_total) ]]; do sleep 0.01; done
echo "until the worker selects again: $(wait_for_selections 30 "$began")"
sleep 2

say "The end: the worker first, then its sidecar"
podman stop "$worker" >/dev/null
podman logs "$worker" >"$work/worker.log" 2>&1
grep -E '^(rate|errors|verified)' "$work/worker.log"
podman stop "$server" >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' "$server")
echo "the server drained and ended with exit code $code"
[[ $code == 0 ]] || fail "exit code $code"
grep -qE '^verified +[1-9][0-9]* answers, 0 different' "$work/worker.log" ||
  fail "the worker verified nothing, or a wrong answer"
