"""The project's own files, for the checks of this folder."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("kernels", "server", "client", "tests")
OTHER_FOLDERS = ("proto", "deploy", ".ci")
_INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def code_files(*suffixes):
    """Paths of C++ files, relative to the root, ascending."""
    found = []
    for folder in CODE_FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in suffixes:
                found.append(path.relative_to(ROOT))
    return sorted(found)


def text_files():
    """Paths of everything people write: code, scripts, build files, pages."""
    suffixes = {".h", ".cc", ".py", ".pyi", ".sh", ".toml", ".txt", ".cmake", ".proto", ".md", ".in"}
    suffixes |= {".json", ".yaml"}
    found = [path.relative_to(ROOT) for path in ROOT.iterdir() if path.suffix in suffixes]
    for folder in CODE_FOLDERS + OTHER_FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in suffixes and "data" not in path.parts:
                found.append(path.relative_to(ROOT))
    return sorted(found)


def includes(text):
    """(is_quoted, name) of each #include in a file's text."""
    return [(quote == '"', name) for quote, name in _INCLUDE.findall(text)]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def finish(what, problems, checked):
    """Prints the problems and exits; finding nothing to check is a problem of its own."""
    if not checked:
        problems = [f"{what}: nothing to check"]
    for problem in problems:
        print(problem)
    print(f"{what}: {checked} checked, {len(problems)} problems")
    sys.exit(1 if problems else 0)
