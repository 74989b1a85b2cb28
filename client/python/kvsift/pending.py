"""Calls under way."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from kvsift import _core, watching
from kvsift._core import Selection

T = TypeVar("T")

_log = logging.getLogger("kvsift")


class Pending(ABC, Generic[T]):
    """A call whose answer has not come yet, or has.

    Wait for it with result(), or await it in any running event loop, as often as needed and from
    any thread. Every call ends by its timeout. One that is dropped, or whose await is cancelled,
    runs on: what it appends is appended.
    """

    @abstractmethod
    def result(self, timeout: float | None = None) -> T:
        """Returns the answer, the same object each time.

        Args:
            timeout: seconds to wait; None waits for as long as the call itself may take.

        Raises:
            TimeoutError: it has not come in that time; the call goes on.
            Error: what the call ended with.

        """

    @abstractmethod
    def done(self) -> bool:
        """Returns True if result() would not wait."""

    @abstractmethod
    def add_done_callback(self, function: Callable[[Pending[T]], object]) -> None:
        """Calls function(self) when the call is done, in a thread of the package's.

        If it is done already, calls it here. What it raises is logged.
        """

    @abstractmethod
    def __await__(self) -> Generator[Any, None, T]: ...


class PendingSelection(Pending[Selection]):
    """A selection or a step under way."""

    __slots__ = ("_core",)

    def __init__(self, core: _core.PendingSelection) -> None:
        self._core = core

    def result(self, timeout: float | None = None) -> Selection:
        if not self._core.wait(timeout):
            raise TimeoutError(f"no answer within {timeout} s")
        return self._core.result()

    def done(self) -> bool:
        return self._core.done()

    def add_done_callback(self, function: Callable[[Pending[Selection]], object]) -> None:
        watcher = watching.thread_watcher()
        if watcher.watch(self._core, lambda: _call(function, self)) is None:
            _call(function, self)

    def __await__(self) -> Generator[Any, None, Selection]:
        if not self._core.done():
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            watcher = watching.watcher_of(loop)
            number = watcher.watch(self._core, lambda: _wake(future))
            if number is not None:
                try:
                    yield from future
                finally:
                    watcher.forget(number)
        return self._core.result()


class PendingCall(Pending[T]):
    """A call that a thread of the client makes."""

    __slots__ = ("_future",)

    def __init__(self, future: concurrent.futures.Future[T]) -> None:
        self._future = future

    def result(self, timeout: float | None = None) -> T:
        try:
            return self._future.result(timeout)
        except concurrent.futures.TimeoutError:
            raise TimeoutError(f"no answer within {timeout} s") from None

    def done(self) -> bool:
        return self._future.done()

    def add_done_callback(self, function: Callable[[Pending[T]], object]) -> None:
        self._future.add_done_callback(lambda _: _call(function, self))

    def __await__(self) -> Generator[Any, None, T]:
        # A cancelled await leaves the call alone.
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _call(function: Callable[[Any], object], pending: Any) -> None:
    try:
        function(pending)
    except Exception:
        _log.exception("a callback of a pending call failed")
