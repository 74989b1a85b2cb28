"""Progress of long runs on standard error."""

from __future__ import annotations

import sys
import time


class Progress:
    """Says what is being done, one line a piece of work, with seconds since the beginning."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Writes a line."""
        seconds = time.monotonic() - self._began
        print(f"{self._program}: {seconds:6.1f} s  {text}", file=sys.stderr, flush=True)
