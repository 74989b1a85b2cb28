#!/usr/bin/env python3
"""Dashboard, alarms and autoscaler ask for metrics, labels and values that a real server has; every
alarm has an entry in the runbook and a unit test; every documented metric is on the dashboard.

usage: metric_names.py BUILD_FOLDER    (with the Python of build/tools)
"""

import pathlib
import re
import sys

try:
    import yaml
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard
except ImportError as absent:
    print(f"skipped: {absent} (deploy/test.sh installs it into build/tools)")
    sys.exit(77)

import json

import queries
import scraped_server

# Labels that Prometheus gives a target, and a value that only a GPU has.
TARGET_LABELS = {"job", "instance", "pod", "namespace"}
FOREIGN_VALUES = {("kvsift_device_info", "sharing"): {"time_sliced", "mps"}}
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def scraped(text):
    """{metric: {label: {values}}} of a scrape."""
    found = {"up": {}}
    for metric, labels in _SAMPLE.findall(text):
        values = found.setdefault(metric, {})
        for label, value in _LABEL.findall(labels):
            values.setdefault(label, set()).add(value)
    return found


def query_problems(where, query, series):
    """What a query asks for in vain."""
    problems = []
    for metric, matchers in queries.selectors(query):
        if metric not in series:
            problems.append(f"{where}: no metric {metric}")
            continue
        for label, operator, value in matchers:
            known = series[metric].get(label, set()) | FOREIGN_VALUES.get((metric, label), set())
            if label in TARGET_LABELS:
                continue
            if not known:
                problems.append(f"{where}: {metric} has no label {label}")
            elif operator in ("=", "!="):
                problems += [] if value in known else [f"{where}: no {metric} with {label}={value}"]
            else:
                problems += [
                    f"{where}: no {metric} with {label}={part}"
                    for part in value.split("|")
                    if part not in known
                ]
    return problems


def alarm_problems():
    """Alarms without a runbook entry or a test, and entries without an alarm."""
    names = {rule["alert"] for rule in queries.alarms()}
    runbook = (queries.ROOT / "deploy/prometheus/runbook.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^## (\w+)$", runbook, re.MULTILINE))
    tests = yaml.safe_load((pathlib.Path(__file__).parent / "rules_test.yaml").read_text())
    fired = {
        test["alertname"]
        for group in tests["tests"]
        for test in group["alert_rule_test"]
        if test["exp_alerts"]
    }
    problems = [f"runbook.md: no entry for {name}" for name in sorted(names - entries)]
    problems += [f"runbook.md: no alarm {name}" for name in sorted(entries - names)]
    problems += [f"rules_test.yaml: {name} never fires" for name in sorted(names - fired)]
    for rule in queries.alarms():
        if (
            rule["annotations"]["runbook"]
            != f"deploy/prometheus/runbook.md#{rule['alert'].lower()}"
        ):
            problems.append(f"rules.yaml: {rule['alert']} names another entry of the runbook")
    return problems


def dashboard_problems(series):
    """Metrics that no panel shows; fields that Grafana's own model of a dashboard does not know."""
    shown = {metric for _, query in queries.dashboard() for metric, _ in queries.selectors(query)}
    shown |= {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in shown}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", metric)
        for metric in series
        if metric.startswith("kvsift_")
    }
    problems = [f"kvsift.json: no panel shows {metric}" for metric in sorted(ours - shown)]
    board = json.loads(queries.DASHBOARD.read_text(encoding="utf-8"))
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    problems += [
        f"kvsift.json: Grafana knows no {field}" for field in board.keys() - understood.keys()
    ]
    for panel, kept in zip(board["panels"], understood["panels"]):
        problems += [f"kvsift.json: a panel has no {field}" for field in panel.keys() - kept.keys()]
    identifiers = [panel["id"] for panel in board["panels"]]
    if len(identifiers) != len(set(identifiers)):
        problems.append("kvsift.json: two panels with one id")
    return problems


def autoscaler_problems():
    """Metrics that the autoscaler wants and the adapter does not serve."""
    path = queries.ROOT / "deploy/kubernetes/overlays/pool/autoscaler.yaml"
    wanted = {
        metric["pods"]["metric"]["name"]
        for metric in yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["metrics"]
    }
    served = {name for name, _ in queries.autoscaler()}
    return [f"adapter.yaml: nothing serves {name}" for name in sorted(wanted ^ served)]


def self_check(series):
    for bad in (
        "kvsift_nothing",
        'kvsift_requests_total{code="NONE"}',
        'kvsift_stores{shelf="1"}',
        'kvsift_requests_total{code=~"OK|NONE"}',
    ):
        assert query_problems("self", bad, series), bad


def main():
    with scraped_server.running(pathlib.Path(sys.argv[1]) / "bin") as (_, metrics):
        series = scraped(scraped_server.get(metrics, "/metrics"))
    self_check(series)
    every = queries.everything()
    problems = [
        problem for where, query in every for problem in query_problems(where, query, series)
    ]
    problems += alarm_problems() + dashboard_problems(series) + autoscaler_problems()
    for problem in problems:
        print(problem)
    print(
        f"metric names: {len(every)} queries against {len(series)} metrics, "
        f"{len(problems)} problems"
    )
    sys.exit(1 if problems or not every else 0)


main()
