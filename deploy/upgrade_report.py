#!/usr/bin/env python3
"""Judges the report of kvsift-load over a pool whose members were replaced: upgrade_test.sh."""

import json
import sys


def problems(report):
    """What is wrong with a run; empty if nothing is."""
    found = []
    if report["errors"]:
        found.append(f"calls failed: {report['errors']}")
    if report["differences"]:
        found.append(f"{report['differences']} answers were wrong")
    if not report["verified"]:
        found.append("no answer was recomputed")
    pool = report["pool"]
    if pool["moved_sequences"] < len(pool["members"]):
        found.append(f"only {pool['moved_sequences']} sequences moved: was anything replaced?")
    for member in pool["members"]:
        if member["state"] != "serving":
            found.append(f"{member['address']} is {member['state']}")
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    found = problems(report)
    latency, pool = report["latency_us"], report["pool"]
    print(
        f"{report['requests']} calls, {report['verified']} recomputed, "
        f"{report['differences']} wrong, errors {report['errors'] or 'none'}; "
        f"{pool['moved_sequences']} sequences moved ({pool['moved_positions']} positions); "
        f"p50 {latency['p50'] / 1000:.1f} ms, longest call {latency['max'] / 1000:.1f} ms"
    )
    for problem in found:
        print(f"upgrade_test: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
