"""What a program's --help says, as data: the source of its manual page and shell completion."""

import dataclasses
import re
import subprocess

_SECTION = re.compile(r"^(Positionals|Options|Subcommands):$")
_ENTRY = re.compile(r"^  (\S.*)$")
_CHOICES = re.compile(r"\{([^}]*)\}")
_DEFAULT = re.compile(r"=(\S+)$")
_TEXT_COLUMN = 30  # where CLI11 begins a description


@dataclasses.dataclass
class Entry:
    """One option, positional argument or command."""

    names: list  # "-h" and "--help"; one name of a positional or a command
    value: str  # what follows it, as "SIZE"; empty for a flag
    text: str
    choices: list  # values that it takes, if those are few

    @property
    def is_file(self):
        return "FILE" in self.value or "safetensors" in self.text


@dataclasses.dataclass
class Page:
    """--help of a program or one of its commands."""

    command: list  # the program and the commands that lead here
    summary: str  # the line that says what it does
    description: str  # more of that
    usage: str
    positionals: list
    options: list
    commands: list
    notes: str  # what follows the options
    pages: list  # of the commands


def _split(head):
    """Names and value of the left column: "-h,--help", "--listen ADDRESS ...", "name TEXT"."""
    names, _, value = head.partition(" ")
    value = value.replace(" REQUIRED", "").replace("REQUIRED", "").strip()
    return names.split(","), value


def _entries(lines):
    """Entries of a section, whose descriptions may begin on the line below."""
    entries = []
    for line in lines:
        if _ENTRY.match(line):
            head, _, text = line.strip().partition("  ")
            names, value = _split(head)
            choices = _CHOICES.search(value)
            entries.append(Entry(names, value, text.strip(),
                                 choices.group(1).split(",") if choices else []))
        elif line.startswith(" " * _TEXT_COLUMN) and entries:
            entries[-1].text = (entries[-1].text + " " + line.strip()).strip()
    return entries


def parse(text, command):
    """The page of `command` without those of its commands."""
    before, _, after = text.partition("Usage: ")
    usage, _, rest = after.partition("\n")
    sections = {"Positionals": [], "Options": [], "Subcommands": []}
    notes = []
    current = None
    for line in rest.split("\n"):
        heading = _SECTION.match(line)
        if heading:
            current = heading.group(1)
        elif not line.startswith("  ") and line:
            current = "notes"
            notes.append(line)
        elif current in sections:
            sections[current].append(line)
    summary, _, description = before.strip().partition("\n")
    return Page(command, summary, description.replace("\n", " "), usage,
                _entries(sections["Positionals"]), _entries(sections["Options"]),
                _entries(sections["Subcommands"]), " ".join(notes), [])


def read(program, *commands):
    """Runs `program` with --help, and with each of its commands."""
    text = subprocess.run([program, *commands, "--help"], capture_output=True, text=True,
                          check=True).stdout
    page = parse(text, [str(program).rsplit("/", 1)[-1], *commands])
    page.pages = [read(program, *commands, entry.names[0]) for entry in page.commands]
    return page
