#!/usr/bin/env python3
"""clang-tidy over our C++ with the rules of .clang-tidy.

usage: tidy.py BUILD_FOLDER SOURCE_FOLDER...
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import compile_database
import sources

TIDY = "clang-tidy-14"
BAD = """#include <utility>
#include <vector>
struct point { int x; };
int* nothing = 0;
namespace unused = std;
void Take(std::vector<int> values);
void Use(std::vector<int> values) {
  Take(std::move(values));
  values.size();
}
"""


# Files of one folder are read together: most of the time goes into the headers of libraries.
FILES_PER_RUN = 20
# But not Highway's sources, which include themselves once per instruction set, nor what declares
# names whose use is checked: that check looks only into the file that clang-tidy was given.
ALONE = re.compile(r"hwy/foreach_target\.h|^\s*using [\w:]+;|^\s*namespace \w+ = ", re.MULTILINE)
# Named as included files in such a run, and checked like headers of ours.
HEADERS = r"/(kernels|server|client|tests)/[^.]*\.(h|cc)$"


def tidy(path, arguments, *options):
    """Output of clang-tidy for a file, empty if it has nothing to say."""
    result = subprocess.run(
        [TIDY, "--quiet", f"--config-file={sources.ROOT / '.clang-tidy'}", *options, str(path), "--"]
        + arguments, cwd=sources.ROOT, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr if result.returncode else ""


def tidy_together(paths, arguments):
    """The same for files of the same arguments, all read as one."""
    if len(paths) == 1:
        return tidy(paths[0], arguments)
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as together:
        together.write("".join(f'#include "{sources.ROOT / path}"\n' for path in paths))
        together.flush()
        return tidy(together.name, arguments, f"--header-filter={HEADERS}")


def self_check():
    with tempfile.TemporaryDirectory() as folder:
        bad = pathlib.Path(folder, "tests", "bad.cc")
        bad.parent.mkdir()
        bad.write_text(BAD)
        arguments = ["-std=c++20", f"-I{sources.ROOT}"]
        found = tidy_together(["kernels/executor.cc", bad], arguments)
        assert "misc-unused-alias-decls" in tidy_together([bad], arguments)
    for name in ("readability-identifier-naming", "modernize-use-nullptr", "bugprone-use-after-move"):
        assert name in found, f"{name}: {found}"
    assert ALONE.search(BAD)


def check(item):
    """Problems of files of the same arguments."""
    paths, arguments = item
    found = tidy_together(paths, arguments[1:] + ["-Wno-unknown-warning-option"])
    if not found:
        for path in paths:
            passed.add(path, arguments)
        return []
    if len(paths) == 1:
        return [found]
    # In halves: that says whose problem it is, or parts files that only do not go together.
    half = len(paths) // 2
    return check((paths[:half], arguments)) + check((paths[half:], arguments))


def runs(commands):
    """(paths, arguments) of each run over what has not passed yet."""
    together = {}
    alone = []
    for path, arguments in sorted(commands.items()):
        if passed.has(path, arguments):
            continue
        if ALONE.search(sources.read(path)):
            alone.append(([path], arguments))
        else:
            together.setdefault((path.parent, *arguments), []).append(path)
    for (_, *arguments), paths in together.items():
        for begin in range(0, len(paths), FILES_PER_RUN):
            alone.append((paths[begin:begin + FILES_PER_RUN], arguments))
    return alone


build = pathlib.Path(sys.argv[1]).resolve()
folders = sys.argv[2:]
self_check()
version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
passed = compile_database.Passed(build, "tidy", version + sources.read(".clang-tidy"))
commands = {path: arguments for path, arguments in compile_database.commands(build).items()
            if path.parts[0] in folders}
absent = compile_database.absent_folders(compile_database.commands(build))
problems = [f"{path}: no target compiles it" for path in sources.code_files(".cc")
            if path.parts[0] in folders and path not in commands
            and path.parts[:2] != ("tests", "project")
            and absent.isdisjoint(path.parents)]
problems += compile_database.run_all(runs(commands), check)
sources.finish("clang-tidy", problems, len(commands))
