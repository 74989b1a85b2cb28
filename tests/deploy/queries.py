"""Every query that kvsift ships: of its dashboard, its alarms and its autoscaler."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy/grafana/kvsift.json"
RULES = ROOT / "deploy/prometheus/rules.yaml"
ADAPTER = ROOT / "deploy/prometheus/adapter.yaml"
# What Grafana and the adapter put in place of their variables, for one server of any name.
VARIABLES = {
    "$job": "kvsift",
    "$instance": ".*",
    "$__rate_interval": "15s",
    "<<.GroupBy>>": "instance",
    "<<.LabelMatchers>>": 'job="kvsift"',
}

_SELECTOR = re.compile(r"\b((?:kvsift|process|exposer)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def _filled(text):
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def dashboard():
    """(title, query) of each target of each panel, and of annotations."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = [
        (panel["title"], _filled(target["expr"]))
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]
    found += [(note["name"], _filled(note["expr"])) for note in board["annotations"]["list"]]
    return found


def alarms():
    """The alarms, as rules.yaml has them."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def autoscaler():
    """(name, query) of each metric that the adapter serves, and of what it looks for first."""
    found = []
    for rule in yaml.safe_load(ADAPTER.read_text(encoding="utf-8"))["rules"]:
        found.append((rule["name"]["as"], _filled(rule["metricsQuery"])))
    return found


def everything():
    """(where, query) of all of them."""
    return dashboard() + [(rule["alert"], rule["expr"]) for rule in alarms()] + autoscaler()


def selectors(query):
    """(metric, [(label, operator, value)]) of each vector selector of ours in a query."""
    return [(metric, _MATCHER.findall(matchers)) for metric, matchers in _SELECTOR.findall(query)]
