"""Which past tokens should this query attend to? The client of a kvsift server.

    client = kvsift.Client("127.0.0.1:7600")
    store = client.create_store("model", layer_ids=range(2, 30), kv_heads=3, query_heads=9,
                                head_dim=64, key_scales=client.calibrate(keys))
    selection = store.step(2, keys, queries, sequence_ids=[7], starts=[0],
                           policy=kvsift.Policy(k=256))
    selection.positions  # int32 [rows, 256], -1 after counts[row]

Arrays are numpy arrays or torch tensors on the CPU, contiguous; they are read where they lie.
"""

from kvsift._core import Selection
from kvsift.client import Client
from kvsift.drift import DriftWarning, check_drift
from kvsift.errors import (
    AbortedError,
    AlreadyExistsError,
    BatchError,
    EntryError,
    Error,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
    UnimplementedError,
)
from kvsift.pending import Pending
from kvsift.policy import Policy
from kvsift.scales import KeyScales, KeyScalesError
from kvsift.store import Store
from kvsift.values import AppendResult, Device, LevelDeviation, Limits, Sequence, ServerInfo

__version__ = "0.1.0"

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "AppendResult",
    "BatchError",
    "Client",
    "Device",
    "DriftWarning",
    "EntryError",
    "Error",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "KeyScales",
    "KeyScalesError",
    "LevelDeviation",
    "Limits",
    "NotFoundError",
    "Pending",
    "Policy",
    "ResourceExhaustedError",
    "Selection",
    "Sequence",
    "ServerInfo",
    "Store",
    "UnavailableError",
    "UnimplementedError",
    "check_drift",
]
