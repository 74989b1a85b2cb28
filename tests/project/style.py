#!/usr/bin/env python3
"""Sizes and words: files stay small, names say what they hold, nothing is left for later."""

import re

import sources

LINES_MAX = 400
# Joined from parts, so that this file can be checked like any other.
WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
HEAPS = {"utils", "util", "common", "helpers", "helper", "misc"}
# A name in quotes is somebody else's: an option of a library.
NUM_NAME = re.compile(r'(?<!")\bnum' + r"_\w+")
GUARDED = {"kernels", "server", "client", "tests"}


def guard_of(path):
    return "KVSIFT_" + re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"


def check(path, text):
    """Problems of one file."""
    problems = []
    parts = path.split("/")
    lines = text.splitlines()
    if len(lines) > LINES_MAX and path != "README.md":
        problems.append(f"{path}: {len(lines)} lines, at most {LINES_MAX}")
    if any(part.split(".")[0] in HEAPS for part in parts):
        problems.append(f"{path}: the name says nothing about its content")
    for number, line in enumerate(lines, start=1):
        if WORDS.search(line):
            problems.append(f"{path}:{number}: left for later: {line.strip()}")
        if parts[-1].endswith((".h", ".cc", ".proto")) and NUM_NAME.search(line):
            problems.append(f"{path}:{number}: name a count `..._count`")
    # Highway includes -inl.h files once per instruction set, under guards of its own.
    guarded = path.endswith(".h") and parts[0] in GUARDED and not path.endswith("-inl.h")
    if guarded and f"#ifndef {guard_of(path)}" not in text:
        problems.append(f"{path}: the include guard is {guard_of(path)}")
    if text and not text.endswith("\n"):
        problems.append(f"{path}: no newline at the end")
    return problems


def self_check():
    assert check("kernels/a.cc", "\n" * 401)
    assert check("kernels/utils/a.cc", "")
    assert check("kernels/a.cc", "// TO" + "DO: later\n")
    assert check("kernels/a.cc", "int num" + "_heads;\n")
    assert not check("kernels/a.cc", 'Set("num' + '_heads");\n')
    assert check("kernels/a.h", "#ifndef A_H\n")
    assert not check("kernels/a.h", "#ifndef KVSIFT_KERNELS_A_H_\n")


self_check()
files = [file for file in sources.text_files() if file.name != "LICENSE"]
found = [problem for file in files for problem in check(str(file), sources.read(file))]
sources.finish("style", found, len(files))
