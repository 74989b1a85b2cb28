#!/usr/bin/env bash
# The alarms are valid and fire when they should (rules_test.yaml). Exits with 77 (skipped) where
# promtool is absent.
#
# usage: prometheus_rules.sh TOOLS
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
promtool=$(PATH=$1/prometheus/usr/bin:$PATH command -v promtool) || {
  echo "skipped: no promtool (deploy/test.sh unpacks Debian's prometheus into build/tools)"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/../../deploy/prometheus/rules.yaml" "$here/rules_test.yaml" "$work"
cd "$work"
"$promtool" check rules --lint-fatal rules.yaml
"$promtool" test rules rules_test.yaml

# An alarm that fires later than it should must be found.
sed -i 's/for: 2m/for: 20m/' rules.yaml
if "$promtool" test rules rules_test.yaml >/dev/null 2>&1; then
  echo "the unit tests accept anything"
  exit 1
fi
