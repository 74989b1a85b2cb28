#!/usr/bin/env python3
"""Each header compiles alone, with the flags of the files around it.

What a source file includes first, the build has compiled alone already; the rest is compiled here.

usage: headers.py BUILD_FOLDER
"""

import pathlib
import subprocess
import sys
import tempfile

import compile_database
import sources


def compile_alone(header, arguments):
    """Output of the compiler for a file that includes nothing but the header."""
    result = subprocess.run(
        arguments + ["-fsyntax-only", "-x", "c++", "-"], input=f'#include "{header}"\n',
        cwd=sources.ROOT, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr if result.returncode else ""


def arguments_for(header, commands):
    """Flags of the source that shares most folders with the header, without the source."""
    def shared(path):
        folders = sum(1 for a, b in zip(path.parent.parts, header.parent.parts) if a == b)
        return folders, sum(word.startswith(("-I", "-isystem")) for word in commands[path])
    nearest = max(sorted(commands), key=shared)
    return [word for word in commands[nearest] if not word.endswith(nearest.name)]


def compiled_first(commands):
    """Headers that are the first thing some compiled source file includes."""
    found = set()
    for path in commands:
        named = sources.includes(sources.read(path))
        if named:
            found.add(compile_database.resolve(named[0][1]))
    return found


def self_check(arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".h") as bad:
        bad.write("std::string name;\n")
        bad.flush()
        assert "string" in compile_alone(bad.name, arguments)
    some = pathlib.Path("kernels/executor.cc")
    assert compiled_first({some: arguments}) == {sources.ROOT / "kernels/executor.h"}


def check(item):
    header, arguments = item
    if passed.has(header, arguments):
        return []
    found = compile_alone(header, arguments)
    if found:
        return [f"{header} does not compile alone:\n{found}"]
    passed.add(header, arguments)
    return []


build = pathlib.Path(sys.argv[1]).resolve()
commands = compile_database.commands(build)
passed = compile_database.Passed(build, "headers", "1")
# What Highway includes once per instruction set is not a header of its own, and what CUDA or
# Python need compiles only in a build that has it.
absent = compile_database.absent_folders(commands)
headers = [header for header in sources.code_files(".h") if not header.name.endswith("-inl.h")
           and absent.isdisjoint(header.parents)]
self_check(arguments_for(headers[0], commands))
first = compiled_first(commands)
work = [(header, arguments_for(header, commands)) for header in headers
        if sources.ROOT / header not in first]
print(f"{len(headers) - len(work)} of {len(headers)} come first in a source file")
sources.finish("headers", compile_database.run_all(work, check), len(headers))
