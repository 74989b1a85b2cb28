"""A store and its sequences."""

from __future__ import annotations

from collections.abc import Sequence as Ints
from typing import TYPE_CHECKING, Any

import numpy as np

from kvsift import _core
from kvsift._core import Selection
from kvsift.errors import BatchError
from kvsift.pending import Pending, PendingCall, PendingSelection
from kvsift.policy import Policy, core_policy
from kvsift.values import AppendResult, LevelDeviation, Sequence

if TYPE_CHECKING:
    from kvsift.client import Client


class Store:
    """One attention shape of one model on one worker: what keys and queries look like.

    Calls demand its fingerprint of the server, so that keys never mix with those of another
    configuration of the same name. The attributes are of the time of creation or of refresh().

    Attributes:
        name, layer_ids, kv_heads, query_heads, head_dim, key_bits, device: as it was created.
        key_scales: float32 [layers, kv_heads], or None: then it takes codes only.
        thresholds: float32 [layers, kv_heads, 2**key_bits - 1], or None.
        fingerprint: of the configuration.
        sequence_count: sequences that live in it.
        resident_bytes: pages of its sequences; one shared by forks counts once.
        page_bytes, page_positions: memory and positions of one page.

    """

    name: str
    layer_ids: tuple[int, ...]
    kv_heads: int
    query_heads: int
    head_dim: int
    key_bits: int
    device: int
    key_scales: np.ndarray | None
    thresholds: np.ndarray | None
    fingerprint: int
    sequence_count: int
    resident_bytes: int
    page_bytes: int
    page_positions: int

    def __init__(self, client: Client, core: Any) -> None:
        """As Client.create_store and Client.get_store make it."""
        self.client = client
        self._client = client._core
        self._core = core
        self.__dict__.update(core.to_dict())

    def __repr__(self) -> str:
        return (
            f"<kvsift.Store {self.name!r}: {len(self.layer_ids)} layers x {self.kv_heads} kv heads"
            f" x {self.head_dim}, {self.key_bits} bits>"
        )

    @property
    def level_counts(self) -> np.ndarray:
        """Sampled coordinates of appended keys by level, int64 [layers, kv_heads, 2**key_bits]."""
        return self._core.level_counts()

    @property
    def level_shares(self) -> np.ndarray:
        """level_counts as shares of their (layer, kv head), float64; NaN before any was sampled.

        Under scales that fit, about 0.164, 0.336, 0.336, 0.164 with 2 bits (drift.py).
        """
        counts = self.level_counts
        with np.errstate(invalid="ignore"):
            return counts / counts.sum(axis=-1, keepdims=True)

    @property
    def level_deviation(self) -> LevelDeviation | None:
        """The largest deviation of the shares from these; None before enough was sampled."""
        values = self._core.level_deviation()
        return None if values is None else LevelDeviation(**values)

    def refresh(self, timeout: float | None = None) -> None:
        """Reads the attributes from the server again. Raises NotFoundError if it is gone."""
        self._core = self._client.get_store(self.name, timeout)
        self.__dict__.update(self._core.to_dict())

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

    def select(
        self,
        layer_id: int,
        queries: Any,
        sequence_ids: Ints[int],
        policy: Policy | Ints[Policy],
        *,
        query_tokens: Ints[int] | None = None,
        policy_index: Ints[int] | None = None,
        visible_lengths: Ints[int] | None = None,
        query_scales: Any = None,
        expected_epochs: Ints[int | None] | None = None,
        encode: str = "client",
        layout: str = "padded",
        scores: bool = False,
        out: Any = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Selection:
        """Returns the best positions for each query token of each entry, at one layer.

        Args:
            layer_id: one of layer_ids.
            queries: [sum of query_tokens, query_heads, head_dim] float16, bfloat16 or float32, or
                codes [sum of query_tokens, query_heads, planes, words] uint32 or int32, of 4
                planes for "asymmetric_dot", else key_bits.
            sequence_ids: [entries]; a sequence may appear more than once.
            policy: what to select; or several, and policy_index [entries] says whose is whose.
            query_tokens: [entries]; one each.
            visible_lengths: [sum of query_tokens], positions that each query token sees; by
                default they are the sequence's last tokens.
            query_scales: float32 [sum of query_tokens, query_heads], with 4-bit codes only.
            expected_epochs: [entries], None for any.
            encode: where vectors become codes, "client" or "server". The codes are the same.
            layout: "padded" rows of equal width, or "packed" end to end.
            scores: with scores of the positions; grouping "head" only.
            out: int32 array to fill: padded [rows, at least width], or packed with room for rows
                times width. It becomes Selection.positions.
            check: False leaves errors of entries in Selection.errors instead of raising them.

        Raises:
            TypeError, ValueError: an argument has a wrong type, shape or place; nothing was sent.
            BatchError: some entries failed; its result has the rows of the others.
            NotFoundError: a layer that the store does not have, or the store is gone.
            InvalidArgumentError: the server refused a value, such as k.

        """
        return _core.select(
            self._client,
            self._core,
            layer_id,
            (sequence_ids, expected_epochs, encode),
            (
                queries,
                query_tokens,
                core_policy(policy),
                policy_index,
                visible_lengths,
                query_scales,
                layout,
                scores,
            ),
            (out, check, True, timeout),
        )

    def select_async(
        self,
        layer_id: int,
        queries: Any,
        sequence_ids: Ints[int],
        policy: Policy | Ints[Policy],
        *,
        query_tokens: Ints[int] | None = None,
        policy_index: Ints[int] | None = None,
        visible_lengths: Ints[int] | None = None,
        query_scales: Any = None,
        expected_epochs: Ints[int | None] | None = None,
        encode: str = "client",
        layout: str = "padded",
        scores: bool = False,
        out: Any = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Pending[Selection]:
        """As select, without waiting. The arrays may change when it returns.

        `out` is filled by the thread that takes the result, when it does.

        Raises also ResourceExhaustedError by its result: Client's max_steps_in_flight are.
        """
        core = _core.select(
            self._client,
            self._core,
            layer_id,
            (sequence_ids, expected_epochs, encode),
            (
                queries,
                query_tokens,
                core_policy(policy),
                policy_index,
                visible_lengths,
                query_scales,
                layout,
                scores,
            ),
            (out, check, False, timeout),
        )
        return PendingSelection(core)

    def step(
        self,
        layer_id: int,
        keys: Any,
        queries: Any,
        sequence_ids: Ints[int],
        starts: Ints[int],
        policy: Policy | Ints[Policy],
        *,
        key_counts: Ints[int] | None = None,
        query_tokens: Ints[int] | None = None,
        policy_index: Ints[int] | None = None,
        visible_lengths: Ints[int] | None = None,
        query_scales: Any = None,
        expected_epochs: Ints[int | None] | None = None,
        encode: str = "client",
        on_conflict: str = "fail",
        layout: str = "padded",
        scores: bool = False,
        out: Any = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Selection:
        """Appends keys and then selects, in one round trip: a decode step of a batch, at a layer.

        Args:
            layer_id: one of layer_ids.
            keys: [sum of key_counts, kv_heads, head_dim] vectors, or codes
                [sum of key_counts, kv_heads, key_bits, words]; types as for append.
            queries: as for select.
            sequence_ids: [entries], distinct where they bring keys.
            starts: [entries], the position of each first key.
            policy: what to select; or several, and policy_index [entries] says whose is whose.
            key_counts: [entries]; one each; 0: only selects.
            query_tokens: [entries]; one each.
            visible_lengths: [sum of query_tokens], positions that each query token sees; by
                default they are the sequence's last tokens.
            query_scales: float32 [sum of query_tokens, query_heads], with 4-bit codes only.
            expected_epochs: [entries], None for any.
            encode: where vectors become codes, "client" or "server". The codes are the same.
            on_conflict: "fail" or "replace_tail", as for append.
            layout: "padded" rows of equal width, or "packed" end to end.
            scores: with scores of the positions; grouping "head" only.
            out: int32 array to fill: padded [rows, at least width], or packed with room for rows
                times width. It becomes Selection.positions.
            check: False leaves errors of entries in Selection.errors instead of raising them.

        Raises:
            TypeError, ValueError: an argument has a wrong type, shape or place; nothing was sent.
            BatchError: some entries failed; its result has the rows of the others.
            NotFoundError: a layer that the store does not have, or the store is gone.
            InvalidArgumentError: the server refused a value, such as k.

        """
        return _core.step(
            self._client,
            self._core,
            layer_id,
            (sequence_ids, expected_epochs, encode),
            (keys, starts, key_counts, on_conflict),
            (
                queries,
                query_tokens,
                core_policy(policy),
                policy_index,
                visible_lengths,
                query_scales,
                layout,
                scores,
            ),
            (out, check, True, timeout),
        )

    def step_async(
        self,
        layer_id: int,
        keys: Any,
        queries: Any,
        sequence_ids: Ints[int],
        starts: Ints[int],
        policy: Policy | Ints[Policy],
        *,
        key_counts: Ints[int] | None = None,
        query_tokens: Ints[int] | None = None,
        policy_index: Ints[int] | None = None,
        visible_lengths: Ints[int] | None = None,
        query_scales: Any = None,
        expected_epochs: Ints[int | None] | None = None,
        encode: str = "client",
        on_conflict: str = "fail",
        layout: str = "padded",
        scores: bool = False,
        out: Any = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Pending[Selection]:
        """As step, without waiting; as select_async says."""
        core = _core.step(
            self._client,
            self._core,
            layer_id,
            (sequence_ids, expected_epochs, encode),
            (keys, starts, key_counts, on_conflict),
            (
                queries,
                query_tokens,
                core_policy(policy),
                policy_index,
                visible_lengths,
                query_scales,
                layout,
                scores,
            ),
            (out, check, False, timeout),
        )
        return PendingSelection(core)

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
