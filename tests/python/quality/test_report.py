"""How results are printed."""

from __future__ import annotations

import json

import pytest
from kvsift.quality import report
from kvsift.quality.settings import settings

FOUND = settings(["dot", "manhattan+sinks=4,window=16"], [16, 64])
RESULTS = report.Results(
    "perplexity", 21.3749, dict(zip(FOUND, (33.441, 23.57, 28.4), strict=True))
)


def test_json_has_dense_and_each_setting():
    assert json.loads(report.as_json(RESULTS)) == {
        "dense": 21.37,
        "results": {"dot@16": 33.44, "dot@64": 23.57, "manhattan+sinks=4,window=16@64": 28.4},
    }


def test_table_has_policies_down_and_k_across():
    assert report.as_table(RESULTS).splitlines() == [
        "perplexity, dense: 21.37",
        "",
        "| k = | 16 | 64 |",
        "|---|---|---|",
        "| dot | 33.44 | 23.57 |",
        "| manhattan+sinks=4,window=16 | - | 28.40 |",
    ]


def test_csv_has_a_line_for_each_setting():
    assert report.as_csv(RESULTS).splitlines() == [
        "policy,k,perplexity",
        "dense,,21.3749",
        "dot,16,33.4410",
        "dot,64,23.5700",
        '"manhattan+sinks=4,window=16",64,28.4000',
    ]


def test_plot_is_an_image(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "plot.png"
    report.plot(RESULTS, str(path), "a title")
    assert path.read_bytes().startswith(b"\x89PNG")
