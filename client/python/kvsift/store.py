"""A store and its sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvsift import _core
from kvsift.appending import Appending
from kvsift.levels import Levels
from kvsift.selecting import Selecting
from kvsift.sequences import Sequences

if TYPE_CHECKING:
    from kvsift.client import Client


class Store(Appending, Selecting, Sequences, Levels):
    """One attention shape of one model on one worker: what keys and queries look like.

    Calls demand its fingerprint of the server, so that keys never mix with those of another
    configuration of the same name. The attributes are of the time of creation or of refresh().

    Attributes:
        name, layer_ids, kv_heads, query_heads, head_dim, key_bits, device: as it was created.
        key_scales: float32 [layers, kv_heads], or None: then it takes codes only.
        thresholds: float32 [layers, kv_heads, 2**key_bits - 1], or None.
        fingerprint: of the configuration.
        sequence_count: sequences that live in it.
        resident_bytes: pages of its sequences; one shared by forks counts once.
        page_bytes, page_positions: memory and positions of one page.
        level_counts, level_shares, level_deviation: of its keys' codes (levels.py).
    """

    name: str
    layer_ids: tuple[int, ...]
    kv_heads: int
    query_heads: int
    head_dim: int
    key_bits: int
    device: int
    key_scales: np.ndarray | None
    thresholds: np.ndarray | None
    fingerprint: int
    sequence_count: int
    resident_bytes: int
    page_bytes: int
    page_positions: int

    def __init__(self, client: Client, core: _core.Store) -> None:
        """As Client.create_store and Client.get_store make it."""
        super().__init__(client, core)
        self.__dict__.update(core.to_dict())

    def __repr__(self) -> str:
        return (
            f"<kvsift.Store {self.name!r}: {len(self.layer_ids)} layers x {self.kv_heads} kv heads"
            f" x {self.head_dim}, {self.key_bits} bits>"
        )

    def refresh(self, timeout: float | None = None) -> None:
        """Reads the attributes from the server again. Raises NotFoundError if it is gone."""
        self._core = self._client.get_store(self.name, timeout)
        self.__dict__.update(self._core.to_dict())
