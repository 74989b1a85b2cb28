#!/usr/bin/env python3
"""The Helm chart passes lint, refuses wrong values, and gives what the overlays give.

usage: chart.py    (with the Python of build/tools)
Exits with 77 (skipped) where Helm's library or kubectl is absent.
"""

import copy
import re
import sys

try:
    import helm_python as helm
    import yaml
except ImportError as absent:
    print(f"skipped: {absent} (deploy/test.sh installs it into build/tools)")
    sys.exit(77)

from rendered import KUBERNETES, ROOT, containers, name_of, pod_spec, render, why_not

CHART = ROOT / "deploy/helm/kvsift"
VALUES = ROOT / "deploy/helm/values"
# Overlays, and the file of values that gives the same; "" is the chart's own.
SAME = {
    "pool": "",
    "pool-gpu": "pool-gpu.yaml",
    "sidecar": "sidecar.yaml",
    "sidecar-own-gpu": "sidecar-own-gpu.yaml",
    "sidecar-cpu": "sidecar-cpu.yaml",
}
WRONG = [
    {"shape": "both"},
    {"gpu": "shared"},
    {"shape": "sidecar"},
    {"bogus": 1},
    {"server": {"memory": "lots", "resources": {}}},
    {"settings": {"Max_K": 1}},
    {"pool": {"minReplicas": 0}},
]


def values_of(file):
    return yaml.safe_load((VALUES / file).read_text(encoding="utf-8")) if file else {}


def from_chart(chart, values):
    """Objects that an install would make."""
    texts = chart.render(values, name="kvsift", namespace="default").values()
    return [item for text in texts for item in yaml.safe_load_all(text) if item]


def comparable(item):
    """An object without what is not its content: hashes, and the order of options and volumes."""
    item = copy.deepcopy(item)
    if item["kind"] == "ConfigMap":
        item["data"] = {key: text.strip() for key, text in item["data"].items()}
    item["metadata"]["name"] = re.sub(r"^kvsift-[a-z0-9]{10}$", "kvsift", item["metadata"]["name"])
    spec = pod_spec(item)
    if spec:
        item["spec"]["template"]["metadata"].pop("annotations", None)
        for container in containers(spec):
            container.get("args", []).sort()
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                volume["configMap"]["name"] = "kvsift"
    return item


def differences(one, other, path=""):
    """Paths at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for key in sorted(one.keys() | other.keys())
            for found in differences(one.get(key), other.get(key), f"{path}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for index, pair in enumerate(zip(one, other))
            for found in differences(*pair, f"{path}[{index}]")
        ]
    return [] if one == other else [f"{path}: chart {one!r}, overlay {other!r}"]


def comparison_problems(ours, theirs, overlay):
    """How what the chart gives differs from what the overlay gives."""
    chart = {name_of(item): item for item in map(comparable, ours)}
    kustomize = {name_of(item): item for item in map(comparable, theirs)}
    problems = [
        f"{overlay}: only one of both has {name}"
        for name in sorted(chart.keys() ^ kustomize.keys())
    ]
    for name in sorted(chart.keys() & kustomize.keys()):
        problems += [
            f"{overlay}: {name}{found}" for found in differences(chart[name], kustomize[name])
        ]
    return problems


def value_problems(chart):
    """Wrong values that the schema takes."""
    problems = []
    for values in WRONG:
        try:
            chart.validate_schema(values)
            problems.append(f"values.schema.json takes {values}")
        except helm.HelmValuesError:
            pass
    return problems


def monitoring_problems(chart):
    """How the chart's monitoring differs from the folder's."""
    kinds = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    theirs = [item for item in render(KUBERNETES / "monitoring")]
    ours = {}
    for values in ({}, values_of("sidecar-cpu.yaml")):
        for item in from_chart(chart, {**values, "monitoring": True, "dashboard": True}):
            if item["kind"] in kinds:
                ours[name_of(item)] = item
    return comparison_problems(list(ours.values()), theirs, "monitoring")


def main():
    reason = why_not()
    if reason:
        print(f"skipped: the chart is compared with rendered overlays: {reason}")
        sys.exit(77)
    problems = [f"lint: {error}" for error in helm.lint(str(CHART))["errors"]]
    with helm.Chart.load(str(CHART)) as chart:
        problems += value_problems(chart) + monitoring_problems(chart)
        for overlay, file in SAME.items():
            problems += comparison_problems(
                from_chart(chart, values_of(file)),
                render(KUBERNETES / "overlays" / overlay),
                overlay,
            )
        other = from_chart(chart, {"settings": {"max-k": 4096}})
        if not comparison_problems(other, render(KUBERNETES / "overlays/pool"), "pool"):
            problems.append("a chart with other settings compares as the same")
    for problem in problems:
        print(problem)
    print(f"chart: {len(SAME)} overlays compared, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
