"""Progress of long work, for people: nothing where standard error is no terminal."""

from __future__ import annotations

import sys
import time

_QUIET_SECONDS = 2.0


class Progress:
    """Shows `what N` on one line, once the work has taken two seconds; gone at the end."""

    def __init__(self, what: str) -> None:
        """`what` is counted, such as "layer"."""
        self._what = what
        self._begin = time.monotonic()
        self._shown = False

    def __enter__(self) -> Progress:
        """Returns itself."""
        return self

    def show(self, number: int) -> None:
        """Says how far it is."""
        if not sys.stderr.isatty() or time.monotonic() - self._begin < _QUIET_SECONDS:
            return
        self._shown = True
        print(f"\r\x1b[K{self._what} {number}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        """Clears the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
