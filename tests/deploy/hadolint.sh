#!/usr/bin/env bash
# The Dockerfile passes hadolint. Exits with 77 (skipped) where it is absent.
#
# usage: hadolint.sh TOOLS
set -euo pipefail
hadolint=$1/bin/hadolint
if [[ ! -x $hadolint ]]; then
  echo "skipped: no $hadolint (deploy/test.sh installs it where the package index can be reached)"
  exit 77
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if printf 'FROM debian\nRUN cd /tmp\n' | "$hadolint" - >/dev/null; then
  echo "hadolint accepts anything"
  exit 1
fi
"$hadolint" deploy/docker/Dockerfile
