#!/usr/bin/env bash
# Builds an image of kvsift from programs that are built, without a daemon: localhost/kvsift:VERSION
# or, for cuda, localhost/kvsift:VERSION-cuda, in the storage that buildah and podman share.
#
# usage: deploy/docker/build.sh [cpu|cuda]
#   cpu   takes build/release/bin (deploy/quickstart.sh builds it)
#   cuda  takes build/kvsift-VERSION-linux-x86_64.tar.gz (deploy/bundle.sh writes it)
# Where the registry cannot be reached, the base is made from Debian's archive by mmdebstrap, once.
# SOURCE_DATE_EPOCH is the time of the commit unless it is set.
set -euo pipefail
# shellcheck source=deploy/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

target=${1:-cpu}
[[ $# -le 1 && $target =~ ^(cpu|cuda)$ ]] || fail "usage: deploy/docker/build.sh [cpu|cuda]"
for tool in buildah patchelf; do
  command -v "$tool" >/dev/null || fail "needs $tool: apt-get install $(packages_of image | xargs)"
done

base=docker.io/library/debian:bookworm-slim
context=${root:?}/build/image
most_bytes=$((60 * 1000 * 1000)) # of the layer that an image adds to its base
version=$(project_version)
image=localhost/kvsift:$version
[[ $target == cpu ]] || image+=-cuda
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# programs: the folder of the programs that the image gets.
programs() {
  local archive=$root/build/kvsift-$version-linux-x86_64.tar.gz
  if [[ $target == cpu ]]; then
    [[ -x $root/build/release/bin/kvsift-load ]] || fail "build/release is not built"
    echo "$root/build/release/bin"
  else
    [[ -f $archive ]] || fail "build/$(basename "$archive") is not there: deploy/bundle.sh"
    rm -rf "$context/bundle"
    mkdir -p "$context/bundle"
    tar -C "$context/bundle" --strip-components=1 -xzf "$archive"
    echo "$context/bundle/bin"
  fi
}

# make_base: Debian's slim image as mmdebstrap makes it, under the name that the registry has it.
make_base() {
  local archive=$context/base.tar container
  if [[ ! -f $archive ]]; then
    say "Base: the registry cannot be reached; mmdebstrap makes it"
    command -v mmdebstrap >/dev/null || fail "needs mmdebstrap"
    mmdebstrap --quiet --format=tar --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
      --dpkgopt='path-include=/usr/share/doc/*/copyright' bookworm "$archive.part"
    mv "$archive.part" "$archive"
  fi
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$archive" / >/dev/null
  buildah commit --quiet --rm --timestamp "$SOURCE_DATE_EPOCH" "$container" "$base" >/dev/null
}

mkdir -p "$context"
say "Tree: what the image adds"
from=$(programs)
"$root/deploy/docker/tree.sh" "$from" "$context/tree"

buildah inspect --type image "$base" >/dev/null 2>&1 ||
  timeout 60 buildah pull --quiet "$base" 2>/dev/null || make_base

say "Image: $image"
buildah bud --quiet --isolation chroot --pull-never --target "$target" \
  --file "$root/deploy/docker/Dockerfile" --timestamp "$SOURCE_DATE_EPOCH" \
  --build-arg PROGRAMS=prebuilt --build-arg BASE="$base" --build-arg VERSION="$version" \
  --build-arg REVISION="$(git -C "$root" rev-parse HEAD)" \
  --build-arg CREATED="$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
  --tag "$image" "$context"

bytes=$(du -sb --apparent-size "$context/tree" | cut -f1)
printf '%s: %d bytes beyond its base\n' "$image" "$bytes"
[[ $target != cpu ]] || ((bytes <= most_bytes)) || fail "the image adds $bytes bytes, at most $most_bytes"
