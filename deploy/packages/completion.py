#!/usr/bin/env python3
"""Writes the completion of a program for bash (and zsh, by bashcompinit) from its --help.

usage: completion.py PROGRAM OUT
"""

import pathlib
import sys

import program_help

SCRIPT = """\
# Completion of {name} for bash, made from its --help.
{function}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command={name} i
  COMPREPLY=()
  # Bash makes words of their own of "=" and what follows it.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$command ${{COMP_WORDS[i]}}" in
      {commands}) command+=" ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$command $prev" in
{values}
  esac
  case $command in
{words}
  esac
}}
complete -F {function} {name}
"""


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def all_pages(page):
    """The page and those of its commands, at any depth."""
    return [page] + [inner for below in page.pages for inner in all_pages(below)]


def _offer(words):
    return f"mapfile -t COMPREPLY < <(compgen -W {quoted(' '.join(words))} -- \"$cur\")"


def _value_case(command, entry):
    """What follows an option that takes a value: one of a few, a file, or anything."""
    patterns = " | ".join(quoted(f"{command} {name}") for name in entry.names)
    if entry.choices:
        action = _offer(entry.choices)
    elif entry.is_file:
        action = 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
    else:
        action = ":"
    return f"    {patterns})\n      {action}\n      return\n      ;;"


def bash(page):
    """The script for bash."""
    name = page.command[0]
    commands, values, words = [], [], []
    for inner in all_pages(page):
        command = " ".join(inner.command)
        if inner is not page:
            commands.append(quoted(command))
        values += [_value_case(command, entry) for entry in inner.options if entry.value]
        offered = [entry.names[-1] for entry in inner.options + inner.commands]
        words.append(f"    {quoted(command)})\n      {_offer(offered)}\n      ;;")
    return SCRIPT.format(name=name, function="_" + name.replace("-", "_"),
                         commands=" | ".join(commands) or "''", values="\n".join(values),
                         words="\n".join(words))


def main():
    program, out = sys.argv[1:]
    pathlib.Path(out).write_text(bash(program_help.read(program)), encoding="utf-8")


if __name__ == "__main__":
    main()
