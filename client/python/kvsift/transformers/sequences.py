"""The server's sequences of one cache: one per row of the batch."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import numpy as np

import kvsift
from kvsift.transformers.link import StoreLink

# What an entry's error says when the server holds less of its sequence than was sent.
_HOLDS_LESS = ("NOT_FOUND", "FAILED_PRECONDITION")


class Sequences:
    """Which sequence each row of a batch is, and what the server holds of it.

    `ids` [rows]: rows that have read the same tokens so far may share a sequence; `part` gives
    each its own before they are written to. `held` int64 [layers of the store, rows]: positions
    that the server has, or was sent. A row whose sequence is lost holds 0: its keys go again
    with the next call that needs them, because appends of equal keys change nothing.
    """

    def __init__(self, link: StoreLink, groups: Sequence[int]) -> None:
        """Rows with the same number in `groups` [rows] share a sequence."""
        self._link = link
        ids = {group: _fresh_id() for group in dict.fromkeys(groups)}
        self.ids = [ids[group] for group in groups]
        self.held = np.zeros((len(link.layers), len(groups)), np.int64)

    def leaders(self) -> list[int]:
        """The first row of each sequence."""
        return [self.ids.index(sequence) for sequence in dict.fromkeys(self.ids)]

    def shared(self) -> bool:
        """Whether rows share a sequence."""
        return len(set(self.ids)) < len(self.ids)

    def agree_with(self, groups: Sequence[int]) -> bool:
        """Whether rows that share a sequence are also in the same one of `groups` [rows]."""
        return len(set(zip(self.ids, groups, strict=True))) == len(set(self.ids))

    def part(self) -> None:
        """Gives every row a sequence of its own: forks of those it shared so far."""
        for row in sorted(set(range(len(self.ids))) - set(self.leaders())):
            parent, self.ids[row] = self.ids[row], _fresh_id()
            length = int(self.held[:, row].max())
            if not length:
                continue
            if self._done(self._link.store.fork, parent, self.ids[row], length):
                self._link.statistics.forks += 1
            else:
                self.held[:, row] = 0

    def copy(self) -> Sequences:
        """Sequences of a copy of the cache, forked from these."""
        copy = Sequences(self._link, [0])
        copy.ids, copy.held = list(self.ids) * 2, np.concatenate([self.held, self.held], axis=1)
        copy.part()
        copy.ids, copy.held = copy.ids[len(self.ids) :], copy.held[:, len(self.ids) :].copy()
        return copy

    def take(self, rows: Sequence[int]) -> None:
        """Makes row r what row rows[r] was, as beams are reordered and samples multiplied."""
        kept = [self.ids[row] for row in rows]
        self._release(set(self.ids) - set(kept))
        self.ids = kept
        self.held = self.held[:, list(rows)]

    def truncate(self, lengths: Sequence[int]) -> None:
        """Drops the positions of each row from lengths[row] on."""
        for row in self.leaders():
            sequence, length = self.ids[row], lengths[row]
            if self.held[:, row].max() <= length:
                continue
            if self._done(self._link.store.truncate, sequence, length):
                self._link.statistics.truncations += 1
            else:
                length = 0
            sharing = [other for other, id in enumerate(self.ids) if id == sequence]
            self.held[:, sharing] = np.minimum(self.held[:, sharing], length)

    def release(self) -> None:
        """Forgets all sequences. Says nothing of a server that is away."""
        self._release(set(self.ids))
        self.held[:] = 0

    def mark_held(self, layer: int, rows: Sequence[int], lengths: Sequence[int]) -> None:
        """Takes note that the server has, or was sent, lengths[i] positions of rows[i]."""
        held = self.held[layer]
        for row, length in zip(rows, lengths, strict=True):
            self._link.statistics.positions_sent += int(length - held[row])
            for other, sequence in enumerate(self.ids):
                if sequence == self.ids[row]:
                    held[other] = length

    def learn(self, error: Exception, layer: int, rows: Sequence[int]) -> None:
        """Takes from the error of a call what the server holds of `rows`, its entries.

        Raises the error if it says anything else.
        """
        if isinstance(error, kvsift.NotFoundError):
            self._link.restore(error)
            self.held[:] = 0
        elif isinstance(error, kvsift.BatchError) and all(
            entry.code in _HOLDS_LESS for entry in error.errors
        ):
            for entry in error.errors:
                row = rows[entry.entry]
                self.held[layer, row] = min(self.held[layer, row], entry.length)
        else:
            raise error
        self._link.statistics.recoveries += 1

    def _done(self, change: Callable[..., object], *arguments: int) -> bool:
        """Whether the server made a change. If not, it is away or has lost the sequence."""
        if self._link.availability.is_away():
            return False
        try:
            change(*arguments)
        except kvsift.NotFoundError:
            return False
        except kvsift.UnavailableError as error:
            self._link.availability.report(error)
            return False
        return True

    def _release(self, sequences: set[int]) -> None:
        if not self.held.any() or self._link.availability.is_away():
            return
        for sequence in sequences:
            try:
                self._link.store.release(sequence)
            except kvsift.NotFoundError:
                continue
            except kvsift.UnavailableError:
                return


def _fresh_id() -> int:
    """A sequence id that nobody else uses: 63 random bits."""
    return secrets.randbits(63)
