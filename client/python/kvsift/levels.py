"""Levels of the key codes of a store: what drift.py looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvsift.store_calls import StoreCalls
from kvsift.values import LevelDeviation


class Levels(StoreCalls):
    """What a Store says of its keys' levels, as of its creation or refresh()."""

    @property
    def level_counts(self) -> NDArray[np.int64]:
        """Sampled coordinates of appended keys by level, int64 [layers, kv_heads, 2**key_bits]."""
        return self._core.level_counts()

    @property
    def level_shares(self) -> NDArray[np.float64]:
        """level_counts as shares of their (layer, kv head), float64; NaN before any was sampled.

        Under scales that fit, about 0.164, 0.336, 0.336, 0.164 with 2 bits.
        """
        counts = self.level_counts
        with np.errstate(invalid="ignore"):
            shares: NDArray[np.float64] = counts / counts.sum(axis=-1, keepdims=True)
        return shares

    @property
    def level_deviation(self) -> LevelDeviation | None:
        """The largest deviation of the shares from these; None before enough was sampled."""
        values = self._core.level_deviation()
        return None if values is None else LevelDeviation(**values)
