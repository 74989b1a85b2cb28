#!/usr/bin/env python3
"""A real Prometheus scrapes real servers under load: every query of dashboard, alarms and autoscaler
answers, no alarm fires for the server that is well, and those fire whose cause another one has.

usage: real_prometheus.py BUILD_FOLDER TOOLS    (with the Python of build/tools)
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

try:
    import queries
    import scraped_server
except ImportError as absent:
    print(f"skipped: {absent} (deploy/test.sh installs it into build/tools)")
    sys.exit(77)

SECONDS = 20  # of load; Prometheus scrapes every second
# Queries that may find nothing: what is only there while something is wrong, or on a GPU.
MAY_BE_EMPTY = {rule["alert"] for rule in queries.alarms()} | {"Starts"}

CONFIGURATION = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: kvsift
    static_configs: [{targets: [TARGETS]}]
"""


@contextlib.contextmanager
def prometheus(program, folder, targets):
    """Yields the address of a Prometheus that scrapes `targets` with our alarms."""
    configuration = folder / "prometheus.yaml"
    configuration.write_text(
        CONFIGURATION.replace("RULES", str(queries.RULES)).replace("TARGETS", ", ".join(targets)),
        encoding="utf-8",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    scraped_server.get(address, "/-/ready")
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def load(programs, address, *options):
    """Starts load for SECONDS."""
    return subprocess.Popen(
        [
            programs / "kvsift-load",
            "--server",
            address,
            "--duration",
            f"{SECONDS}s",
            "--format",
            "json",
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ask(address, path, **parameters):
    answer = json.loads(
        scraped_server.get(address, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    )
    assert answer["status"] == "success", answer
    return answer["data"]


def query_problems(address):
    """Queries that Prometheus does not answer, or answers with nothing."""
    problems = []
    for where, query in queries.everything():
        try:
            found = ask(address, "query", query=query)["result"]
        except OSError as refusal:
            problems.append(f"{where}: {query}: {refusal}")
            continue
        if not found and where not in MAY_BE_EMPTY:
            problems.append(f"{where}: no series: {query}")
    return problems


def alarm_problems(address, healthy, spent):
    """Alarms that Prometheus cannot evaluate, and those that fire where they should not, or do not."""
    problems = []
    for rule in ask(address, "rules")["groups"][0]["rules"]:
        if rule["health"] != "ok":
            problems.append(f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}")
    firing = {
        (alert["labels"]["alertname"], alert["labels"]["instance"])
        for alert in ask(address, "alerts")["alerts"]
        if alert["state"] == "firing"
    }
    print("firing:", *sorted(firing))
    problems += [
        f"{name} fires for a server that is well" for name, at in sorted(firing) if at == healthy
    ]
    if ("KvsiftBudgetSpent", spent) not in firing:
        problems.append("KvsiftBudgetSpent does not fire for a server whose budget is spent")
    return problems


def main():
    programs = pathlib.Path(sys.argv[1]) / "bin"
    path = os.pathsep.join([f"{sys.argv[2]}/prometheus/usr/bin", os.environ["PATH"]])
    program = shutil.which("prometheus", path=path)
    if program is None:
        print("skipped: no prometheus (deploy/test.sh unpacks Debian's into build/tools)")
        sys.exit(77)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        healthy, healthy_metrics = stack.enter_context(scraped_server.running(programs))
        spent, spent_metrics = stack.enter_context(
            scraped_server.running(programs, "--memory", "1MiB")
        )
        address = stack.enter_context(prometheus(program, folder, [healthy_metrics, spent_metrics]))
        runs = [
            load(programs, healthy, "--verify", "0.05", "--scenario", "mixed"),
            load(programs, spent, "--scenario", "prefill", "--context", "65536"),
        ]
        time.sleep(SECONDS - 2)
        problems = query_problems(address) + alarm_problems(address, healthy_metrics, spent_metrics)
        codes = [run.wait() for run in runs]
    if codes[0] != 0:
        problems.append(f"kvsift-load ended with exit code {codes[0]}")
    for problem in problems:
        print(problem)
    print(f"real prometheus: {len(queries.everything())} queries, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
