"""Compile commands of a build tree, and a memory of what already passed with which content.

A check of one file depends on the file, on our headers below it, on its command and on the
check's own rules. Their hash is remembered under the build tree once the check has passed, so
that a warm run only looks at what has changed.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex

import sources


def commands(build):
    """Relative path of a .cc -> compiler arguments, without launcher, inputs and outputs.

    Not of a .cu: no checker here reads CUDA 13.
    """
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.suffix != ".cc" or not path.is_relative_to(sources.ROOT):
            continue
        if path.is_relative_to(sources.ROOT / "build"):
            continue
        words = shlex.split(entry["command"])
        if words[0].endswith("ccache"):
            words = words[1:]
        kept = [word for word in words[: words.index("-o")] if word != "-c"]
        found[path.relative_to(sources.ROOT)] = kept
    return found


# What is compiled, and checked, only in a build that has the CUDA toolkit, or nanobind.
_OPTIONAL = ("kernels/cuda", "tests/kernels/cuda", "client/python", "tests/python")


def absent_folders(commands):
    """Optional folders that this build leaves out."""
    present = {folder for path in commands for folder in path.parents}
    return {pathlib.Path(folder) for folder in _OPTIONAL} - present


def resolve(name):
    """The file behind an include of ours: a header, or the proto file it is generated from."""
    path = sources.ROOT / name
    if name.startswith("kvsift/v1/"):
        path = sources.ROOT / "proto" / (name.split(".")[0] + ".proto")
    elif name.startswith("kvsift/"):
        path = sources.ROOT / "client/include" / name
    return path if path.is_file() else None


def content(path, seen=None):
    """The text of a file and of all our files it includes, in a fixed order."""
    seen = {} if seen is None else seen
    if path not in seen:
        seen[path] = path.read_text(encoding="utf-8")
        for _, name in sources.includes(seen[path]):
            below = resolve(name)
            if below:
                content(below, seen)
    return "".join(f"{key}\n{seen[key]}" for key in sorted(seen))


class Passed:
    """Hashes of the checks that passed, in a folder of the build tree."""

    def __init__(self, build, what, rules):
        self._folder = build / "checks" / what
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rules = rules

    def _marker(self, path, command):
        text = "\n".join([str(path), shlex.join(command), self._rules, content(sources.ROOT / path)])
        return self._folder / hashlib.sha256(text.encode()).hexdigest()

    def has(self, path, command):
        return self._marker(path, command).exists()

    def add(self, path, command):
        self._marker(path, command).touch()


def run_all(work, run):
    """Problems of all pieces of work, in order, over as many threads as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(run, work) for problem in problems]
