"""Policies as they are written on a command line.

ESTIMATOR[/GROUPING][+FIELD=VALUE[,FIELD=VALUE...]], such as `asymmetric_dot`,
`asymmetric_dot/group_max` or `manhattan+sinks=4,window=16`; commas separate several.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import kvsift


@dataclasses.dataclass(frozen=True)
class Setting:
    """A policy and what it is called, such as asymmetric_dot/group_max@64."""

    label: str
    policy: kvsift.Policy

    @property
    def name(self) -> str:
        """The label with k."""
        return f"{self.label}@{self.policy.k}"


def parse_policies(text: str) -> list[str]:
    """The policies of a comma-separated list. Raises ValueError for one that is not written so."""
    labels: list[str] = []
    for part in text.split(","):
        if labels and "+" in labels[-1] and "=" in part and "+" not in part:
            labels[-1] += f",{part}"  # one more field of the policy before
        else:
            labels.append(part)
    for label in labels:
        fields = _fields(label)
        kvsift.Policy(k=fields["sinks"] + fields["window"] + 1, **fields)
    return labels


def parse_ks(text: str) -> list[int]:
    """Numbers of positions, ascending. Raises ValueError unless all are positive."""
    ks = sorted({int(part) for part in text.split(",")})
    if ks[0] < 1:
        raise ValueError(f"k: {ks[0]}, must be at least 1")
    return ks


def settings(labels: list[str], ks: list[int]) -> list[Setting]:
    """Every policy with every k that holds its sinks and window."""
    return [
        Setting(label, kvsift.Policy(k=k, **fields))
        for (label, fields), k in itertools.product(((p, _fields(p)) for p in labels), ks)
        if fields["sinks"] + fields["window"] <= k
    ]


def _fields(label: str) -> dict[str, Any]:
    """The fields of a policy but its k."""
    kind, _, extra = label.partition("+")
    estimator, _, grouping = kind.partition("/")
    fields = {"estimator": estimator, "grouping": grouping or "head", "sinks": 0, "window": 0}
    for field in filter(None, extra.split(",")):
        name, _, value = field.partition("=")
        if name not in ("sinks", "window") or not value.isdecimal():
            raise ValueError(f"policy {label!r}: {field!r}, expected sinks=N or window=N")
        fields[name] = int(value)
    return fields
