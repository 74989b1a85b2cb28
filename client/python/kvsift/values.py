"""What the server tells, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kvsift.errors import EntryError


@dataclass(frozen=True)
class Device:
    """A device of a server.

    Attributes:
        name: of the backend, such as "cpu" or "cuda".
        description: instruction set, or name and compute capability of the GPU.
        number: of the GPU, as the server's --devices names it.
        sharing: "not_shared", "time_sliced", "mps" or "unspecified".
        budget_bytes, resident_bytes, free_bytes: memory for pages, and how much of it is used.
        fragmented_bytes: part of free_bytes that only stores of one page size can use.

    """

    name: str
    description: str
    number: int
    sharing: str
    budget_bytes: int
    resident_bytes: int
    free_bytes: int
    fragmented_bytes: int


@dataclass(frozen=True)
class Limits:
    """The largest values that a server accepts."""

    max_k: int
    max_answer_bytes: int
    max_message_bytes: int
    max_sequence_length: int
    max_stores: int


@dataclass(frozen=True)
class ServerInfo:
    """What a server is and has.

    Attributes:
        version: of the server, such as "0.1.0".
        incarnation: another value than before means that all state was lost.
        backend, backend_description: what serves.
        devices: create_store's `device` is an index into them.
        limits: the largest values that it accepts.

    """

    version: str
    incarnation: int
    backend: str
    backend_description: str
    devices: tuple[Device, ...]
    limits: Limits


@dataclass(frozen=True)
class LevelDeviation:
    """How far the keys of a store are from what its key scales promise.

    Attributes:
        layer_id, kv_head: where they deviate most.
        deviation: half the sum over levels of |share - expected share|, 0 to 1. With 1 bit it says
            nothing about the scales.
        limit: beyond it the store has drifted: another model, or other weights, than calibrated.

    """

    layer_id: int
    kv_head: int
    deviation: float
    limit: float


@dataclass(frozen=True)
class Sequence:
    """A sequence of a store.

    Attributes:
        id: its name, 0 to 2**64 - 1.
        epoch: new at creation, fork, truncate and a replaced tail.
        lengths: length of each layer by layer id: it holds positions 0 to length - 1.
        pages: in its table; those shared with forks included.

    """

    id: int
    epoch: int
    lengths: dict[int, int]
    pages: int


@dataclass(frozen=True)
class AppendResult:
    """What became of the entries of an append.

    Attributes:
        epochs: [entries]; 0 if the sequence does not exist.
        lengths: [entries], of the first of the append's layers.
        errors: entries that failed, ascending by entry.
        server_incarnation: of the server that answered.

    """

    epochs: tuple[int, ...]
    lengths: tuple[int, ...]
    errors: tuple[EntryError, ...]
    server_incarnation: int


def server_info(values: dict[str, Any]) -> ServerInfo:
    """Returns what the extension's dictionary says."""
    devices = tuple(Device(**device) for device in values["devices"])
    return ServerInfo(**{**values, "devices": devices, "limits": Limits(**values["limits"])})
