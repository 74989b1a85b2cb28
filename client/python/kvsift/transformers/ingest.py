"""Keys on their way to the server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

import kvsift
from kvsift.torch import encode_keys
from kvsift.transformers.columns import Columns
from kvsift.transformers.host_copy import HostCopy
from kvsift.transformers.link import StoreLink
from kvsift.transformers.sequences import Sequences

# Where keys become codes before they travel to the host, and from how many tokens on: of a few,
# launches cost more than copies. Elsewhere the client encodes.
_ENCODING_DEVICES = ("cuda",)
_ENCODE_ON_DEVICE = 64
# Tokens from which an append is streamed: several messages on their way at once.
_STREAM_TOKENS = 4096


@dataclasses.dataclass
class _Shipment:
    """Keys of one layer for some rows: being copied to the host, then being appended."""

    layer: int
    rows: list[int]
    starts: list[int]
    counts: list[int]
    copy: HostCopy
    pending: kvsift.Pending[kvsift.AppendResult] | None = None


class Ingest:
    """Sends keys without waiting, in order, and finds out later what became of them."""

    def __init__(self, link: StoreLink, sequences: Sequences) -> None:
        self._link = link
        self._sequences = sequences
        self._shipments: list[_Shipment] = []

    def send(
        self,
        layer: int,
        keys: torch.Tensor,
        columns: Columns,
        rows: Sequence[int] | None = None,
        keep: int = 0,
    ) -> None:
        """Sends what the server lacks of `rows` at one layer, but their last `keep` positions.

        Without rows, of every sequence.

        keys [batch, kv_heads, columns, head_dim]; layer: place in the store.
        """
        held = self._sequences.held[layer]
        rows = self._sequences.leaders() if rows is None else rows
        rows = [row for row in rows if columns.counts[row] - keep > held[row]]
        if not rows:
            return
        starts = [int(held[row]) for row in rows]
        stops = [columns.counts[row] - keep for row in rows]
        parts = [
            columns.take_keys(keys, row, start, stop)
            for row, start, stop in zip(rows, starts, stops, strict=True)
        ]
        vectors = torch.cat(parts) if len(parts) > 1 else parts[0]
        counts = [stop - start for start, stop in zip(starts, stops, strict=True)]
        copy = HostCopy(self._encode(layer, vectors)[None])
        self._shipments.append(_Shipment(layer, rows, starts, counts, copy))
        self._sequences.mark_held(layer, rows, stops)
        self.flush()

    def flush(self, *, wait: bool = False) -> None:
        """Appends what has arrived on the host; with `wait`, everything."""
        for shipment in self._shipments:
            if shipment.pending is None:
                if not wait and not shipment.copy.ready():
                    return
                shipment.pending = self._append(shipment)

    def settle(self, layer: int | None = None) -> None:
        """Waits until the keys of one layer, or of all, are on the server.

        What turns out to be missing is no longer marked as held. Raises UnavailableError when
        that is because the server is away, and errors that are not about missing keys.
        """
        self.flush(wait=True)
        settled = [s for s in self._shipments if layer is None or s.layer == layer]
        self._shipments = [s for s in self._shipments if s not in settled]
        away = None
        for shipment in settled:
            assert shipment.pending is not None
            try:
                shipment.pending.result()
            except kvsift.UnavailableError as error:
                self._take_back(shipment)
                away = error
            except kvsift.Error as error:
                self._sequences.learn(error, shipment.layer, shipment.rows)
        if away is not None:
            raise away

    def _append(self, shipment: _Shipment) -> kvsift.Pending[kvsift.AppendResult]:
        return self._link.store.append_async(
            shipment.copy.wait(),
            sequence_ids=[self._sequences.ids[row] for row in shipment.rows],
            starts=shipment.starts,
            counts=shipment.counts,
            layer_ids=[self._link.layers[shipment.layer]],
            on_conflict="replace_tail",
            stream=sum(shipment.counts) >= _STREAM_TOKENS,
        )

    def _take_back(self, shipment: _Shipment) -> None:
        held = self._sequences.held[shipment.layer]
        for row, start in zip(shipment.rows, shipment.starts, strict=True):
            held[row] = min(held[row], start)

    def _encode(self, layer: int, vectors: torch.Tensor) -> torch.Tensor:
        """Codes of [tokens, kv_heads, head_dim] on a GPU, else the vectors themselves."""
        scales = self._link.key_scales
        if (
            vectors.device.type not in _ENCODING_DEVICES
            or scales is None
            or len(vectors) < _ENCODE_ON_DEVICE
        ):
            return vectors
        scales = scales[layer].to(vectors.device)
        codes: torch.Tensor = encode_keys(vectors, scales, self._link.store.key_bits)
        return codes
