"""A connection to a server."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np

from kvsift import _core
from kvsift.scales import KeyScales
from kvsift.store import Store
from kvsift.values import ServerInfo, server_info


class Client:
    """A client of one server. Thread-safe; also a context manager that closes it.

    Calls are sent again, with backoff, while the server or the way to it is unavailable, until
    their timeout or `attempts`: all of them are safe to repeat. Steps and selections travel over
    one held stream for each channel, many at once; those that begin with the same sequence run in
    the order of their calls.

    A process that is forked from one with a client cannot use it, nor connect: start workers with
    the "spawn" method.

    Args:
        address: "host:port" or "unix:/path".
        timeout: seconds that a call may take, where the call does not say; math.inf: any time.
        channels: connections. One carries what one process of a worker needs; several help where
            megabytes of appends travel beside steps.
        max_steps_in_flight: unanswered steps and selections of a channel. Asynchronous calls
            beyond it are refused with ResourceExhaustedError, synchronous ones wait.
        append_chunk_bytes: keys of one message of an append; longer appends are cut.
        attempts: how often a call is sent before its error counts.

    Raises:
        UnavailableError: nobody listens there.
        InvalidArgumentError: the address has another form.

    """

    def __init__(
        self,
        address: str,
        timeout: float = 10.0,
        channels: int = 1,
        *,
        max_steps_in_flight: int = 1024,
        append_chunk_bytes: int = 1 << 20,
        attempts: int = 8,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self._core = _core.Client(
            address, timeout, channels, max_steps_in_flight, append_chunk_bytes, attempts
        )
        self._appends: ThreadPoolExecutor | None = None
        self._appends_lock = threading.Lock()

    def close(self) -> None:
        """Waits for calls under way, each of which ends by its timeout, and disconnects.

        Later calls raise RuntimeError.
        """
        with self._appends_lock:
            appends, self._appends = self._appends, None
        if appends is not None:
            appends.shutdown(wait=True)
        self._core.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " closed" if self._core.is_closed() else ""
        return f"<kvsift.Client {self.address}{state}>"

    def get_server(self, timeout: float | None = None) -> ServerInfo:
        """Returns what the server is and has, now."""
        return server_info(self._core.get_server(timeout))

    def calibrate(self, keys: Any, timeout: float | None = None) -> np.ndarray:
        """Returns key scales float32 [layers, kv_heads], for create_store.

        Args:
            keys: [layers, tokens, kv_heads, head_dim] float16, bfloat16 or float32, after rotary
                embedding; some thousand tokens of text like that to come.

        Raises:
            InvalidArgumentError: a key is not finite, or all of a head are zero.

        """
        return self._core.calibrate((keys,), timeout)

    def create_store(
        self,
        name: str,
        layer_ids: Iterable[int],
        kv_heads: int,
        query_heads: int,
        head_dim: int,
        key_bits: int = 2,
        key_scales: Any = None,
        device: int = 0,
        timeout: float | None = None,
    ) -> Store:
        """Creates a store, or returns the one of the same name and configuration.

        Args:
            name: 1 to 128 of [A-Za-z0-9._/-].
            layer_ids: ascending; layers that stay dense are left out.
            kv_heads, query_heads: of the model; query_heads is a multiple of kv_heads.
            head_dim: 1 to 256.
            key_bits: of a key's code, for each dimension: 1 to 3.
            key_scales: float32 [layer_ids, kv_heads] as calibrate returns them, or KeyScales; None
                for a store that takes codes only.
            device: index into ServerInfo.devices.

        Raises:
            AlreadyExistsError: the name is taken by another configuration.
            InvalidArgumentError: a value is wrong.
            ResourceExhaustedError: the server has no room for another store.

        """
        layer_ids = tuple(layer_ids)
        if isinstance(key_scales, KeyScales):
            key_scales = key_scales.for_layers(layer_ids, kv_heads=kv_heads, head_dim=head_dim)
        values = (layer_ids, kv_heads, query_heads, head_dim, key_bits, key_scales, device)
        core = self._core.create_store(name, values, timeout)
        return Store(self, core)

    def get_store(self, name: str, timeout: float | None = None) -> Store:
        """Returns a store. Raises NotFoundError."""
        return Store(self, self._core.get_store(name, timeout))

    def list_stores(self, timeout: float | None = None) -> list[Store]:
        """Returns all stores, ascending by name."""
        return [Store(self, core) for core in self._core.list_stores(timeout)]

    def delete_store(self, name: str, timeout: float | None = None) -> None:
        """Deletes a store with its sequences. Raises NotFoundError."""
        self._core.delete_store(name, timeout)

    def _append_executor(self) -> ThreadPoolExecutor:
        """Returns the one thread that makes asynchronous appends, in the order of their calls."""
        with self._appends_lock:
            if self._core.is_closed():
                raise RuntimeError("the client is closed")
            if self._appends is None:
                self._appends = ThreadPoolExecutor(1, thread_name_prefix="kvsift-append")
            return self._appends
