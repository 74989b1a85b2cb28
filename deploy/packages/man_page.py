#!/usr/bin/env python3
"""Writes the manual page of a program from its --help.

usage: man_page.py PROGRAM VERSION OUT.1.gz
"""

import gzip
import pathlib
import sys

import program_help


def escape(text):
    """`text` as roff shows it: backslashes, dashes and dots at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def _entry(entry):
    names = ", ".join(f"\\fB{escape(name)}\\fR" for name in entry.names)
    value = f" \\fI{escape(entry.value)}\\fR" if entry.value else ""
    return f".TP\n{names}{value}\n{escape(entry.text)}\n"


def _command(page):
    """Sections of a command and the commands below it."""
    lines = [f".SS \"{escape(' '.join(page.command))}\"\n{escape(page.summary)}\n.PP\n"
             f"\\fB{escape(page.usage)}\\fR\n"]
    lines += [_entry(entry) for entry in page.positionals + page.options]
    return "".join(lines) + "".join(_command(inner) for inner in page.pages)


def roff(page, version):
    """The manual page as text."""
    name = page.command[0]
    parts = [f'.TH "{name.upper()}" "1" "" "{name} {version}" "kvsift"\n',
             f".SH NAME\n{escape(name)} \\- {escape(page.summary.rstrip('.'))}\n",
             f".SH SYNOPSIS\n\\fB{escape(page.usage)}\\fR\n"]
    if page.description or page.notes:
        parts.append(".SH DESCRIPTION\n")
        parts.append("\n.PP\n".join(map(escape, filter(None, [page.description, page.notes]))))
        parts.append("\n")
    parts.append(".SH OPTIONS\n")
    parts += [_entry(entry) for entry in page.positionals + page.options]
    if page.pages:
        parts.append(".SH COMMANDS\n")
        parts += [_command(inner) for inner in page.pages]
    others = [other for other in ("kvsift", "kvsift-load", "kvsift-server") if other != name]
    parts.append(".SH SEE ALSO\n" + ", ".join(f"\\fB{escape(other)}\\fR(1)" for other in others))
    return "".join(parts) + "\n"


def main():
    program, version, out = sys.argv[1:]
    text = roff(program_help.read(program), version)
    # No time and no name in the archive: the same page is the same file.
    pathlib.Path(out).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
