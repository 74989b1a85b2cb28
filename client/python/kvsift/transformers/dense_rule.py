"""When a decode step attends to everything rather than asking the server.

A selection costs a round trip per layer, whatever the length; dense attention costs reading K and V
of the whole batch. So the rule compares bytes: K and V of one layer, all rows and kv heads.
"""

from __future__ import annotations

import dataclasses

# Bytes of K and V of one layer below which dense attention is faster, by the model's device, as
# client/python/benchmarks/decode.py measures it. "cpu": two busy cores. "cuda": one H200, where
# dense attention was 1.2 times as fast at 8 GiB and half as fast at 16 GiB.
CROSSOVER_BYTES = {"cpu": 3 << 20, "cuda": 12 << 30}


@dataclasses.dataclass(frozen=True)
class DenseRule:
    """Dense below `columns` columns, or, where that is "auto", below the device's crossover.

    "auto" is dense too where every row is at most k long: the selection would be everything.
    columns = 0 always asks the server.
    """

    columns: int | str = "auto"

    def __post_init__(self) -> None:
        if self.columns != "auto" and (not isinstance(self.columns, int) or self.columns < 0):
            raise ValueError(f'dense_below: {self.columns!r}, expected "auto" or columns >= 0')

    def is_dense(self, columns: int, kv_bytes: int, k: int, device: str) -> bool:
        """Whether a step over `columns` columns of `kv_bytes` bytes of K and V stays dense."""
        if isinstance(self.columns, str):
            return columns <= k or kv_bytes < CROSSOVER_BYTES.get(device, CROSSOVER_BYTES["cuda"])
        return columns < self.columns
