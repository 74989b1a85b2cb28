"""Policies as they are written on a command line."""

from __future__ import annotations

import kvsift
import pytest
from kvsift.quality.settings import parse_ks, parse_policies, settings


def test_commas_separate_policies_and_fields():
    text = "asymmetric_dot,dot/group_max,manhattan+sinks=4,window=16,dot/layer_max+window=8,dot"
    assert parse_policies(text) == [
        "asymmetric_dot",
        "dot/group_max",
        "manhattan+sinks=4,window=16",
        "dot/layer_max+window=8",
        "dot",
    ]


def test_settings_are_policies_with_every_k_that_holds_their_sinks_and_window():
    found = settings(["dot/group_max", "manhattan+sinks=4,window=16"], [16, 64])
    assert [setting.name for setting in found] == [
        "dot/group_max@16",
        "dot/group_max@64",
        "manhattan+sinks=4,window=16@64",
    ]
    assert found[0].policy == kvsift.Policy(k=16, estimator="dot", grouping="group_max")
    assert found[2].policy == kvsift.Policy(k=64, estimator="manhattan", sinks=4, window=16)


def test_ks_are_sorted_and_distinct():
    assert parse_ks("64,16,64") == [16, 64]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "estimator"),
        ("cosine", "estimator"),
        ("dot/pairs", "grouping"),
        ("dot+sink=4", "sink=4"),
        ("dot+sinks=four", "sinks=four"),
        ("dot+sinks=-1", "sinks=-1"),
        ("dot,,dot", "estimator"),
    ],
)
def test_policies_that_do_not_exist_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_policies(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "16;32", "1.5"])
def test_ks_that_are_no_numbers_of_positions_are_refused(text):
    with pytest.raises(ValueError):
        parse_ks(text)
