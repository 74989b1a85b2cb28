"""Selecting positions of the sequences of a store."""

from __future__ import annotations

from collections.abc import Sequence as Ints
from typing import Any

from kvsift import _core
from kvsift._core import Selection
from kvsift.pending import Pending, PendingSelection
from kvsift.policy import Policy, core_policy
from kvsift.store_calls import StoreCalls


class Selecting(StoreCalls):
    """The calls of a Store that select, or append and select."""

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
            (out, check, timeout),
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
        core = _core.select_async(
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
            (out, check, timeout),
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
            (out, check, timeout),
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
        core = _core.step_async(
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
            (out, check, timeout),
        )
        return PendingSelection(core)
