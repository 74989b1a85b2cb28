#!/usr/bin/env python3
"""What README.md names exists: paths, programs' options and commands, RPCs, links.

usage: readme.py BUILD_FOLDER
"""

import pathlib
import re
import subprocess
import sys

import sources

FOLDERS = ("kernels", "server", "client", "tests", "proto", "deploy", ".ci")
PATH = re.compile(r"(?<![\w/.-])((?:" + "|".join(map(re.escape, FOLDERS)) + r")/[\w./-]*\w/?)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
LINK = re.compile(r"\]\(([^)#:]+)\)")
RPC = re.compile(r"SelectionService/(\w+)")
COMMAND = re.compile(r"(?:bin/)?kvsift (\w+) ")
COMMANDS = re.compile(r"^  (\w+)  ", re.MULTILINE)  # in a --help
# Options of programs that are not ours, as far as the page needs them.
FOREIGN = {"--preset", "--data", "--protocol", "--http2-prior-knowledge", "--prefix", "--install",
           "--now", "--target"}


def help_of(program, *arguments):
    return subprocess.run([program, *arguments, "--help"], capture_output=True, text=True,
                          check=True).stdout


def known_options(build):
    """Options of our programs and scripts, and the commands of kvsift."""
    command_line = help_of(build / "bin/kvsift")
    commands = set(COMMANDS.findall(command_line))
    texts = [command_line]
    for command in commands:
        texts.append(help_of(build / "bin/kvsift", command))
        below = COMMANDS.findall(texts[-1])
        texts += [help_of(build / "bin/kvsift", command, inner) for inner in below]
    texts.append(help_of(build / "bin/kvsift-load"))
    server = help_of(build / "bin/kvsift-server")
    scripts = [sources.read(name) for name in
               ("deploy/quickstart.sh", "deploy/test.sh", "tests/gpu/check.sh",
                "tests/gpu/load.py", "deploy/upgrade_test.sh",
                "client/python/benchmarks/decode.py", "client/python/kvsift/quality/options.py",
                "client/python/kvsift/needle.py", "client/python/kvsift/perplexity.py")]
    options = {option for text in texts + scripts + [server] for option in OPTION.findall(text)}
    return options, commands, set(OPTION.findall(server)) - {"--help"}


def check(text, options, commands, server_options, rpcs):
    """Problems of the page."""
    problems = []
    for path in sorted(set(PATH.findall(text)) | set(LINK.findall(text))):
        if not (sources.ROOT / path).exists():
            problems.append(f"README.md: {path} does not exist")
    for option in sorted(set(OPTION.findall(text)) - options - FOREIGN):
        problems.append(f"README.md: no program of ours has {option}")
    for option in sorted(server_options - set(OPTION.findall(text))):
        problems.append(f"README.md: kvsift-server {option} is not described")
    code = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for command in sorted(set(COMMAND.findall(code)) - commands):
        problems.append(f"README.md: kvsift has no command {command}")
    for rpc in sorted(set(RPC.findall(text)) - rpcs):
        problems.append(f"README.md: no RPC {rpc}")
    return problems


def self_check():
    bad = "kernels/nothing.h --nothing [a](gone.md) SelectionService/Nothing\n```sh\nkvsift nope x\n```"
    assert len(check(bad, set(), {"status"}, {"--listen"}, {"Select"})) == 6, bad


self_check()
page = sources.read("README.md")
names = set(re.findall(r"rpc (\w+)\(", sources.read("proto/kvsift/v1/selection.proto")))
found = check(page, *known_options(pathlib.Path(sys.argv[1])), names)
sources.finish("readme", found, len(page.splitlines()))
