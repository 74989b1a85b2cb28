"""What a worker does while its server is away."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

from kvsift import UnavailableError

MODES = ("fail", "dense")


class Availability:
    """Whether the server is worth a call, and what its absence means.

    In mode "fail" the error of a call that found nobody ends the forward. In mode "dense" layers
    attend densely until `retry_after` seconds have passed, then the next call tries again: what
    the server missed is sent to it then.
    """

    def __init__(
        self, mode: str, retry_after: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns seconds."""
        if mode not in MODES:
            raise ValueError(f"on_unavailable: {mode!r}, expected one of {MODES}")
        self._mode = mode
        self._retry_after = retry_after
        self._clock = clock
        self._away_until: float | None = None
        self._warned = False
        self.failures = 0  # calls that found nobody

    def is_away(self) -> bool:
        """Whether calls are left out for now."""
        return self._away_until is not None and self._clock() < self._away_until

    def report(self, error: UnavailableError) -> None:
        """Takes note that nobody answered. Raises `error` in mode "fail"."""
        self.failures += 1
        if self._mode == "fail":
            raise error
        self._away_until = self._clock() + self._retry_after
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"kvsift server is away, attention is dense until it is back: {error}",
                RuntimeWarning,
                stacklevel=2,
            )

    def answered(self) -> None:
        """Takes note that the server answered."""
        self._away_until = None
        self._warned = False
