#!/usr/bin/env python3
"""Manual pages and completions have every option and command of the programs, and work: bash
completes with them, and man finds nothing to warn of.

Exits with 77 (skipped) where the build made none.

usage: pages.py BUILD_FOLDER
"""

import gzip
import pathlib
import re
import shutil
import subprocess
import sys

import sources

PROGRAMS = ("kvsift", "kvsift-load", "kvsift-server")
# As they stand in a --help, read here without the code that makes the pages.
OPTION = re.compile(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", re.MULTILINE)
COMMANDS = re.compile(r"^Subcommands:\n((?:  .*\n)+)", re.MULTILINE)
# Completes the last of its arguments after the file of its first one, a line each.
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_${1//-/_}
printf '%s\\n' "${COMPREPLY[@]}"
"""


def helps(program, *commands):
    """(command, options, commands below) of a program and all its commands."""
    text = subprocess.run([program, *commands, "--help"], capture_output=True, text=True,
                          check=True).stdout
    section = COMMANDS.search(text)
    below = [line.split()[0] for line in section.group(1).splitlines()] if section else []
    found = [((program.name, *commands), OPTION.findall(text), below)]
    return found + [page for name in below for page in helps(program, *commands, name)]


def complete(script, *words):
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", script, *words], capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split()) | ({done.stderr} if done.stderr else set())


def section_of(plain, command):
    """The part of a manual page that is about a command, or about the program alone."""
    if len(command) == 1:
        return plain.partition("\n.SH COMMANDS\n")[0]
    return plain.partition(f'\n.SS "{" ".join(command)}"\n')[2].partition("\n.SS ")[0]


def missing_in_manual(manual, pages):
    """Options and commands of `pages` that the text of a manual page lacks."""
    plain = re.sub(r"\\f[BIR]|\\&", "", manual).replace("\\-", "-")
    return [f"{' '.join(command)}: {option}" for command, options, _ in pages
            for option in options
            if not re.search(rf"(?<![\w-]){option}(?![\w-])", section_of(plain, command))]


def missing_in_completion(script, pages):
    """The same of a completion, as bash runs it; or what is there and is no option."""
    problems = []
    for command, options, below in pages:
        offered = complete(script, *command, "")
        if offered != set(options + below):
            problems.append(f"{' '.join(command)}: {sorted(offered ^ set(options + below))}")
    return problems


def completes_values(folder):
    """Problems of what follows an option."""
    server = folder / "completions/kvsift-server"
    wanted = {("--backend", "c"): {"cuda", "cpu"}, ("--backend", "=", "r"): {"reference"},
              ("--log-format", "=", ""): {"text", "json"}, ("--threads", ""): set(),
              ("--dr",): {"--drain-timeout"}}
    return [f"kvsift-server {' '.join(words)}: {complete(server, 'kvsift-server', *words)}"
            for words, values in wanted.items()
            if complete(server, "kvsift-server", *words) != values]


def warnings_of_man(page):
    if not shutil.which("man"):
        return []
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True,
                          text=True, check=False, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100"})
    return [f"man: {done.stderr}"] if done.stderr or "OPTIONS" not in done.stdout else []


def self_check(folder):
    pages = [(("kvsift-server",), ["--nothing-like-it"], [])]
    assert missing_in_manual("--nothing-like-it-either", pages)
    assert missing_in_completion(folder / "completions/kvsift-server", pages)


build = pathlib.Path(sys.argv[1])
made = build / "pages"
if not made.exists():
    print("skipped: this build has no pages, for want of Python when it was configured")
    sys.exit(77)
self_check(made)
found = completes_values(made)
count = 0
for name in PROGRAMS:
    every = helps(build / "bin" / name)
    count += len(every)
    text = gzip.decompress((made / f"{name}.1.gz").read_bytes()).decode()
    found += missing_in_manual(text, every) + warnings_of_man(made / f"{name}.1.gz")
    found += missing_in_completion(made / "completions" / name, every)
sources.finish("pages", found, count)
