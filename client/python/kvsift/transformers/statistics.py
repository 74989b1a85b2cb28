"""What a worker has done, in counts."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Statistics:
    """Counts since the worker was attached; an attention call is one layer of one forward.

    selected: attention calls over positions that the server selected
    dense_prefill, dense_short, dense_masked, dense_unavailable: attention calls of layers in the
        store that were dense, by reason: a prefill; below the crossover or without a policy; a
        mask that is not causal; the server was away
    positions_sent: keys sent, of one layer and all its kv heads
    forks, truncations: sequences forked and truncated on the server
    recoveries: times that the server held less than it was sent, and was sent it again
    """

    selected: int = 0
    dense_prefill: int = 0
    dense_short: int = 0
    dense_masked: int = 0
    dense_unavailable: int = 0
    positions_sent: int = 0
    forks: int = 0
    truncations: int = 0
    recoveries: int = 0

    def count(self, name: str) -> None:
        """Adds one to the count of that name."""
        setattr(self, name, getattr(self, name) + 1)
