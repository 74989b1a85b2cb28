"""Python code that runs when a call of the extension completes.

Threads of gRPC only write to an eventfd and never need the GIL. Who reads it runs the code: an
event loop, for those who await, or one thread for all other callbacks.
"""

from __future__ import annotations

import asyncio
import itertools
import select
import threading
import weakref
from collections.abc import Callable
from typing import Any

from kvsift import _core


class Watcher:
    """Runs functions when pending calls are done, in the thread that calls run_completed."""

    def __init__(self) -> None:
        self._completions = _core.Completions()
        self._functions: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        if self.fileno() < 0:
            raise OSError("no file descriptor is left for an eventfd")

    def fileno(self) -> int:
        """Returns the descriptor that is readable while there is something to run."""
        return self._completions.fileno()

    def watch(self, pending: Any, function: Callable[[], None]) -> bool:
        """Returns False, and will not call `function`, if `pending` is done already."""
        number = next(self._numbers)
        self._functions[number] = function
        if pending.watch(self._completions, number):
            return True
        del self._functions[number]
        return False

    def run_completed(self) -> None:
        """Runs the functions of all calls that have completed."""
        for number in self._completions.take():
            self._functions.pop(number)()


_loop_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = (
    weakref.WeakKeyDictionary()
)
_thread_lock = threading.Lock()
_thread_watcher: Watcher | None = None


def watcher_of(loop: asyncio.AbstractEventLoop) -> Watcher:
    """Returns the watcher whose functions run in that loop's thread. To be called there."""
    watcher = _loop_watchers.get(loop)
    if watcher is None:
        watcher = _loop_watchers[loop] = Watcher()
        loop.add_reader(watcher.fileno(), watcher.run_completed)
    return watcher


def thread_watcher() -> Watcher:
    """Returns the watcher whose functions run in a thread of their own, one after the other."""
    global _thread_watcher
    with _thread_lock:
        if _thread_watcher is None:
            _thread_watcher = Watcher()
            thread = threading.Thread(
                target=_run, args=(_thread_watcher,), name="kvsift-callbacks", daemon=True
            )
            thread.start()
        return _thread_watcher


def _run(watcher: Watcher) -> None:
    poll = select.poll()
    poll.register(watcher.fileno(), select.POLLIN)
    while True:
        poll.poll()
        watcher.run_completed()
