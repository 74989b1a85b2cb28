#!/usr/bin/env python3
"""The wire example of README.md, run as it is printed there: same commands, same answer.

Exits with 77 (skipped) where buf is not installed.

usage: readme_wire.py BUILD_FOLDER BUF
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import sources

ADDRESS = "127.0.0.1:7600"  # the one that the page uses
# Differ from run to run.
VOLATILE = {"epochs", "serverIncarnation"}
EXAMPLE = re.compile(r"```sh\n([^`]*buf curl[^`]*)```.*?```json\n(.*?)```", re.DOTALL)


def stable(answer):
    return {key: value for key, value in answer.items() if key not in VOLATILE}


def last_answer(output):
    """The last of the JSON values that the commands print."""
    decoder, position, value = json.JSONDecoder(), 0, None
    while position < len(output):
        value, position = decoder.raw_decode(output, position)
        while position < len(output) and output[position].isspace():
            position += 1
    return value


def run(script, server, buf):
    """Output of the example's commands against a server of our own."""
    with subprocess.Popen([server, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        try:
            address = process.stdout.readline().split()[-1]
            path = f"{buf.parent}:{os.environ['PATH']}"
            return subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, address)],
                env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True).stdout
        finally:
            process.terminate()


build, tool = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
if not tool.exists():
    print(f"skipped: no {tool}")
    sys.exit(77)
commands, printed = EXAMPLE.search(sources.read("README.md")).groups()
expected = stable(json.loads(printed))
assert ADDRESS in commands and expected["answer"]["positions"], expected
actual = stable(last_answer(run(commands, build / "bin/kvsift-server", tool)))
problems = [] if actual == expected else [f"README.md says\n{expected}\nthe server says\n{actual}"]
sources.finish("readme_wire", problems, 1)
