"""Calls on one sequence of a store."""

from __future__ import annotations

from kvsift import _core
from kvsift.store_calls import StoreCalls
from kvsift.values import Sequence


class Sequences(StoreCalls):
    """The calls of a Store on its sequences as wholes."""

    def get_sequence(self, id: int, timeout: float | None = None) -> Sequence:
        """Returns a sequence. Raises NotFoundError."""
        return Sequence(**_core.get_sequence(self._client, self._core, id, timeout))

    def list_sequences(self, timeout: float | None = None) -> list[Sequence]:
        """Returns all sequences, ascending by id."""
        listed = _core.list_sequences(self._client, self._core, timeout)
        return [Sequence(**values) for values in listed]

    def truncate(
        self,
        id: int,
        length: int,
        expected_epoch: int | None = None,
        timeout: float | None = None,
    ) -> Sequence:
        """Makes every layer min(its length, length), and returns the sequence.

        Raises:
            NotFoundError: it does not exist.
            AbortedError: expected_epoch is not the current one.
        """
        return Sequence(
            **_core.truncate(self._client, self._core, (id, length, expected_epoch), timeout)
        )

    def fork(
        self,
        parent: int,
        child: int,
        length: int,
        expected_epoch: int | None = None,
        timeout: float | None = None,
    ) -> Sequence:
        """Makes `child` share the first `length` positions of `parent`, and returns the child.

        Args:
            expected_epoch: of the parent.

        Raises:
            NotFoundError: the parent does not exist.
            AlreadyExistsError: the child does.
            AbortedError: expected_epoch is not the parent's current one.
        """
        return Sequence(
            **_core.fork(self._client, self._core, (parent, child, length, expected_epoch), timeout)
        )

    def release(
        self, id: int, expected_epoch: int | None = None, timeout: float | None = None
    ) -> None:
        """Forgets a sequence. Raises NotFoundError, AbortedError."""
        _core.release(self._client, self._core, (id, expected_epoch), timeout)
