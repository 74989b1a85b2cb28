"""Appending keys to the sequences of a store."""

from __future__ import annotations

from collections.abc import Sequence as Ints
from typing import Any

from kvsift import _core
from kvsift.errors import BatchError
from kvsift.pending import Pending, PendingCall
from kvsift.store_calls import StoreCalls
from kvsift.values import AppendResult


class Appending(StoreCalls):
    """The calls of a Store that append keys."""

    def append(
        self,
        keys: Any,
        sequence_ids: Ints[int],
        starts: Ints[int],
        counts: Ints[int] | None = None,
        layer_ids: Ints[int] | None = None,
        *,
        encode: str = "client",
        on_conflict: str = "fail",
        expected_epochs: Ints[int | None] | None = None,
        stream: bool = False,
        check: bool = True,
        timeout: float | None = None,
    ) -> AppendResult:
        """Appends keys of one or several sequences, in as many messages as they need.

        An entry whose answer was lost is sent again; one that the server lost meanwhile goes on
        from the server's length, if these keys reach back that far. An entry that fails may be
        partly applied: its error tells the length.

        Args:
            keys: [layers, sum of counts, kv_heads, head_dim] float16, bfloat16 or float32, or
                codes [layers, sum of counts, kv_heads, key_bits, words] uint32 or int32.
            sequence_ids: [entries], distinct.
            starts: [entries], the position of each first key. Equal keys may overlap stored ones.
            counts: [entries]; one sequence takes all tokens, of several each takes one.
            layer_ids: of the first axis of keys; all of the store's.
            encode: where vectors become codes: "client" (an eighth of float16's bytes travel) or
                "server". The codes are the same.
            on_conflict: "fail", or "replace_tail": where keys differ from stored ones the layer is
                cut and the new ones follow.
            expected_epochs: [entries], None for any; 0: the sequence must not exist.
            stream: several messages on their way at once, for long prefills.
            check: False returns errors of entries in the result instead of raising them.

        Raises:
            TypeError, ValueError: an argument has a wrong type, shape or place; nothing was sent.
            BatchError: some entries failed.
            NotFoundError: a layer that the store does not have, or the store is gone.
            FailedPreconditionError: vectors, but the store has no key scales.
        """
        prepared = self._core.prepare_append(
            (sequence_ids, expected_epochs, encode),
            (keys, starts, counts, on_conflict),
            (layer_ids,),
        )
        return self._append(prepared, stream, check, timeout)

    def append_async(
        self,
        keys: Any,
        sequence_ids: Ints[int],
        starts: Ints[int],
        counts: Ints[int] | None = None,
        layer_ids: Ints[int] | None = None,
        *,
        encode: str = "client",
        on_conflict: str = "fail",
        expected_epochs: Ints[int | None] | None = None,
        stream: bool = False,
        check: bool = True,
        timeout: float | None = None,
    ) -> Pending[AppendResult]:
        """As append, without waiting. Appends of one client run in the order of their calls.

        The keys are read until the call is done: do not change them before. A step of the same
        sequence does not wait for it.
        """
        prepared = self._core.prepare_append(
            (sequence_ids, expected_epochs, encode),
            (keys, starts, counts, on_conflict),
            (layer_ids,),
        )
        executor = self.client._append_executor()
        return PendingCall(executor.submit(self._append, prepared, stream, check, timeout))

    def _append(
        self, prepared: Any, stream: bool, check: bool, timeout: float | None
    ) -> AppendResult:
        result = AppendResult(**_core.append(self._client, self._core, prepared, stream, timeout))
        if check and result.errors:
            raise BatchError(result.errors, result)
        return result
