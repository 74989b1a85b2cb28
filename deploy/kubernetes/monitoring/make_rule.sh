#!/usr/bin/env bash
# Writes prometheus_rule.yaml from deploy/prometheus/rules.yaml: kustomize reads nothing from outside
# its folder. The tests compare the two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
{
  cat <<'END'
# Written by make_rule.sh from deploy/prometheus/rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: kvsift
  labels:
    app.kubernetes.io/name: kvsift
spec:
END
  sed -n '/^groups:/,$p' ../../prometheus/rules.yaml | sed 's/^\(.\)/  \1/'
} >prometheus_rule.yaml
