"""Python code that runs when a call of the extension completes.

Threads of gRPC only write to an eventfd and never need the GIL. Who reads it runs the code: an
event loop, for those who await, or one thread for all other callbacks.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import select
import threading
import weakref
from collections.abc import Callable

from kvsift import _core


def _nothing() -> None:
    pass


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

    def watch(self, pending: _core.PendingSelection, function: Callable[[], None]) -> int | None:
        """Returns a number for forget; None, and calls nothing, if `pending` is done already."""
        number = next(self._numbers)
        self._functions[number] = function
        if pending.watch(self._completions, number):
            return number
        self.forget(number)
        return None

    def forget(self, number: int) -> None:
        """Leaves a function alone that was not called yet."""
        self._functions.pop(number, None)

    def wake(self) -> None:
        """Makes the descriptor readable."""
        self._completions.add(next(self._numbers))

    def run_completed(self) -> None:
        """Runs the functions of all calls that have completed."""
        for number in self._completions.take():
            self._functions.pop(number, _nothing)()


class CallbackThread(threading.Thread):
    """A thread that runs functions, one after the other, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="kvsift-callbacks", daemon=True)
        self.watcher = Watcher()
        self._stopped = False

    def run(self) -> None:
        """Runs what completes."""
        poll = select.poll()
        poll.register(self.watcher.fileno(), select.POLLIN)
        while not self._stopped:
            poll.poll()
            self.watcher.run_completed()

    def stop(self) -> None:
        """Returns when no function runs any more, or one takes long."""
        self._stopped = True
        self.watcher.wake()
        self.join(timeout=1.0)


_loop_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = (
    weakref.WeakKeyDictionary()
)
_thread_lock = threading.Lock()
_thread: CallbackThread | None = None


def watcher_of(loop: asyncio.AbstractEventLoop) -> Watcher:
    """Returns the watcher whose functions run in that loop's thread. To be called there."""
    watcher = _loop_watchers.get(loop)
    if watcher is None:
        watcher = _loop_watchers[loop] = Watcher()
        loop.add_reader(watcher.fileno(), watcher.run_completed)
    return watcher


def thread_watcher() -> Watcher:
    """Returns the watcher whose functions run in a thread of their own."""
    global _thread
    with _thread_lock:
        if _thread is None:
            _thread = CallbackThread()
            _thread.start()
        return _thread.watcher


@atexit.register
def _end() -> None:
    """Leaves the interpreter, which is about to end, to this thread."""
    if _thread is not None:
        _thread.stop()
    _core.keep_others_waiting()
