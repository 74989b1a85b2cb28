#!/usr/bin/env python3
"""Kubernetes manifests render, are valid to the letter, and keep to rules of their own.

usage: manifests.py BUILD_FOLDER    (with the Python of build/tools)
Exits with 77 (skipped) where kubectl or the validators are absent.
"""

import pathlib
import re
import subprocess
import sys

try:
    import kubernetes_validate
    from cloudcoil.models.prometheus_operator import v1 as operator
except ImportError as absent:
    print(f"skipped: {absent} (deploy/test.sh installs it into build/tools)")
    sys.exit(77)

import pod_rules
import yaml
from rendered import KUBERNETES, ROOT, folders, name_of, pod_spec, render, why_not


def options_of(program):
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return set(pod_rules.OPTION.findall(text))


def project_version():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(kvsift VERSION (\S+)", text).group(1)


def lost(given, kept, path=""):
    """Paths of what `given` has and `kept`, the same as its model understands it, has not."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            found
            for key, value in given.items()
            for found in (
                lost(value, kept[key], f"{path}.{key}") if key in kept else [f"{path}.{key}"]
            )
        ]
    if isinstance(given, list) and isinstance(kept, list):
        return [found for one, other in zip(given, kept) for found in lost(one, other, path + "[]")]
    return []


def validity_problems(item):
    """What the API server would refuse, fields that it would drop included."""
    try:
        if item["apiVersion"] == "monitoring.coreos.com/v1":
            understood = getattr(operator, item["kind"]).model_validate(item)
            kept = understood.model_dump(by_alias=True, exclude_none=True, mode="json")
            return [f"{name_of(item)}: unknown field {field}" for field in lost(item, kept)]
        kubernetes_validate.validate(item, kubernetes_validate.latest_version(), strict=True)
    except Exception as refusal:  # noqa: BLE001 (two libraries, of all kinds)
        return [f"{name_of(item)}: {str(refusal).splitlines()[0]}"]
    return []


def check(items, server_options, load_options):
    """Problems of what one folder renders to."""
    maps = {item["metadata"]["name"] for item in items if item["kind"] == "ConfigMap"}
    problems = [problem for item in items for problem in validity_problems(item)]
    for item in items:
        if pod_spec(item):
            problems += pod_rules.restriction_problems(item)
            problems += pod_rules.volume_problems(item, maps)
            problems += pod_rules.server_problems(item, server_options)
            problems += pod_rules.load_problems(item, load_options)
            problems += image_problems(item, project_version())
        for option in re.findall(
            r"^([a-z-]+) =", item.get("data", {}).get("kvsift.conf", ""), re.MULTILINE
        ):
            if f"--{option}" not in server_options:
                problems.append(f"{name_of(item)}: kvsift-server has no option {option}")
    return problems


def image_problems(item, version):
    """Images of another version than the project's."""
    allowed = {f"localhost/kvsift:{version}", f"localhost/kvsift:{version}-cuda"}
    return [
        f"{name_of(item)}: image {container['image']} is not of version {version}"
        for container in pod_rules.containers(pod_spec(item))
        if container["image"] not in allowed
    ]


def rule_problems():
    """The operator's rule is that of deploy/prometheus."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text(encoding="utf-8"))
    path = KUBERNETES / "monitoring/prometheus_rule.yaml"
    same = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"] == rules
    return [] if same else [f"{path.relative_to(ROOT)}: run make_rule.sh beside it"]


BAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: bad}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      bogus: 1
      containers:
        - name: kvsift
          image: localhost/kvsift:0.0.0
          args: [--config=x, --config=y, --nothing=1]
          volumeMounts: [{name: gone, mountPath: /x}]
"""


def self_check(server_options):
    found = check([yaml.safe_load(BAD)], server_options, set())
    for word in (
        "bogus",
        "root",
        "seccomp",
        "not restricted",
        "no requests",
        "gone",
        "twice",
        "no --nothing",
        "no --memory",
        "no livenessProbe",
        "0.0.0",
    ):
        assert any(word in problem for problem in found), (word, found)
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "bad"},
        "spec": {"selector": {}, "endpoints": [{"bogus": 1}]},
    }
    assert validity_problems(monitor), "the operator's models accept anything"


def main():
    reason = why_not()
    if reason:
        print(f"skipped: rendering: {reason}")
        sys.exit(77)
    programs = pathlib.Path(sys.argv[1]) / "bin"
    server_options = options_of(programs / "kvsift-server")
    load_options = options_of(programs / "kvsift-load")
    self_check(server_options)
    problems = rule_problems()
    checked = 0
    for folder in folders():
        try:
            items = render(folder)
        except ValueError as failure:
            problems.append(str(failure))
            continue
        checked += len(items)
        problems += [
            f"{folder.name}: {problem}" for problem in check(items, server_options, load_options)
        ]
    for problem in problems:
        print(problem)
    print(
        f"manifests: {checked} objects of {len(folders())} folders checked, "
        f"{len(problems)} problems"
    )
    sys.exit(1 if problems or not checked else 0)


main()
