#!/usr/bin/env python3
"""clang-tidy over our C++ with the rules of .clang-tidy.

usage: tidy.py BUILD_FOLDER SOURCE_FOLDER...
"""

import pathlib
import subprocess
import sys
import tempfile

import compile_database
import sources

TIDY = "clang-tidy-14"
BAD = "struct point { int x; };\nint* nothing = 0;\n"


def tidy(path, arguments):
    """Output of clang-tidy for a file, empty if it has nothing to say."""
    result = subprocess.run(
        [TIDY, "--quiet", f"--config-file={sources.ROOT / '.clang-tidy'}", str(path), "--"]
        + arguments, cwd=sources.ROOT, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr if result.returncode else ""


def self_check():
    with tempfile.TemporaryDirectory() as folder:
        bad = pathlib.Path(folder, "bad.cc")
        bad.write_text(BAD)
        found = tidy(bad, ["-std=c++20"])
    assert "readability-identifier-naming" in found, found
    assert "modernize-use-nullptr" in found, found


def check(item):
    path, arguments = item
    if passed.has(path, arguments):
        return []
    found = tidy(path, arguments[1:] + ["-Wno-unknown-warning-option"])
    if found:
        return [found]
    passed.add(path, arguments)
    return []


build = pathlib.Path(sys.argv[1]).resolve()
folders = sys.argv[2:]
self_check()
version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
passed = compile_database.Passed(build, "tidy", version + sources.read(".clang-tidy"))
commands = {path: arguments for path, arguments in compile_database.commands(build).items()
            if path.parts[0] in folders}
# CUDA code is compiled, and checked, only in a build that has the toolkit.
has_cuda = any("cuda" in path.parts for path in commands)
problems = [f"{path}: no target compiles it" for path in sources.code_files(".cc")
            if path.parts[0] in folders and path not in commands
            and path.parts[:2] != ("tests", "project")
            and (has_cuda or "cuda" not in path.parts)]
problems += compile_database.run_all(commands.items(), check)
sources.finish("clang-tidy", problems, len(commands))
