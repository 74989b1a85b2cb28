"""The cache of a model that decodes through kvsift."""

from __future__ import annotations

import copy
import inspect
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache, DynamicLayer

import kvsift
from kvsift.transformers.columns import Columns
from kvsift.transformers.growing_layer import GrowingLayer
from kvsift.transformers.ingest import Ingest
from kvsift.transformers.selector import Selector
from kvsift.transformers.sequences import Sequences

if TYPE_CHECKING:
    from kvsift.transformers.worker import Worker


class KvsiftCache(DynamicCache):
    """A DynamicCache whose rows are sequences on the server.

    Follows what generation does to it: crop truncates, reordering beams and multiplying samples
    fork, a deep copy (a prefix computed once) forks, reset and the end of its life release.
    Made by a worker from the cache that a model is called with.
    """

    _worker: Worker
    sequences: Sequences | None
    columns: Columns | None

    def start(self, groups: list[int]) -> Sequences:
        """The sequences; begun, if there are none, for rows of one number in `groups` as one."""
        if self.sequences is None:
            self._follow(Sequences(self._worker.link, groups))
        assert self.sequences is not None
        return self.sequences

    def _follow(self, sequences: Sequences) -> None:
        self.sequences = sequences
        self.ingest = Ingest(self._worker.link, sequences)
        self.selector = Selector(self._worker.link, sequences, self.ingest)
        self._end = weakref.finalize(self, _release, self.ingest, sequences)

    def crop(self, tokens_to_remove: int) -> None:
        """As Cache.crop; the sequences are truncated."""
        super().crop(tokens_to_remove)
        if self.sequences is not None and self.columns is not None:
            lengths = self.columns.counts_before(self.get_seq_length())
            self._change(lambda sequences: sequences.truncate(lengths))

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """As Cache.reorder_cache; rows that begin alike become forks."""
        super().reorder_cache(beam_idx)
        self._take(beam_idx.tolist())

    def batch_repeat_interleave(self, repeats: int) -> None:
        """As Cache.batch_repeat_interleave; the copies become forks."""
        super().batch_repeat_interleave(repeats)
        if self.sequences is not None:
            self._take([row for row in range(len(self.sequences.ids)) for _ in range(repeats)])

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """As Cache.batch_select_indices; the other sequences are released."""
        super().batch_select_indices(indices)
        if self.sequences is not None:
            rows = torch.arange(len(self.sequences.ids))[indices.to("cpu")]
            self._take(rows.tolist())

    def reset(self) -> None:
        """As Cache.reset; the sequences are released."""
        super().reset()  # type: ignore[no-untyped-call]
        self._change(Sequences.release)
        self.sequences = None

    def part(self) -> None:
        """Gives every row a sequence of its own."""
        self._change(Sequences.part)

    def __deepcopy__(self, memo: dict[int, object]) -> KvsiftCache:
        """A cache with the same keys and values, whose sequences are forks of these."""
        twin = self.__class__.__new__(self.__class__)
        own = ("sequences", "ingest", "selector", "_end", "_worker")
        for name, value in self.__dict__.items():
            if name not in own:
                setattr(twin, name, copy.deepcopy(value, memo))
        twin._worker, twin.sequences = self._worker, None
        if self.sequences is not None:
            self._change(lambda sequences: twin._follow(sequences.copy()))
        return twin

    def _take(self, rows: list[int]) -> None:
        if self.columns is not None:
            self.columns = self.columns.take(rows)
        self._change(lambda sequences: sequences.take(rows))

    def _change(self, change: Callable[[Sequences], None]) -> None:
        """Changes the sequences when no keys are under way to them any more."""
        if self.sequences is None:
            return
        try:
            self.ingest.settle()
        except kvsift.UnavailableError as error:
            self._worker.link.availability.report(error)
        change(self.sequences)


def adopt(cache: DynamicCache, worker: Worker) -> KvsiftCache:
    """Turns a DynamicCache, empty or not, into a KvsiftCache, in place.

    In place, because generation keeps the cache that it made. Raises TypeError for other caches.
    """
    if isinstance(cache, KvsiftCache):
        return cache
    if type(cache) is not DynamicCache or cache.offloading:
        raise TypeError(
            f"cache: {type(cache).__name__}{' with offloading' * (type(cache) is DynamicCache)}, "
            "kvsift needs a plain DynamicCache (cache_implementation left out)"
        )
    cache.__class__ = KvsiftCache
    assert isinstance(cache, KvsiftCache)
    cache._worker, cache.sequences, cache.columns = worker, None, None
    if cache.layer_class_to_replicate is DynamicLayer:
        cache.layer_class_to_replicate = GrowingLayer
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = GrowingLayer
    return cache


def cache_argument(model: PreTrainedModel) -> str:
    """What the model's decoder calls its cache; later releases of Transformers renamed it."""
    parameters = inspect.signature(model.base_model.forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def _release(ingest: Ingest, sequences: Sequences) -> None:
    """Releases the sequences of a cache that is gone, also after its client was closed.

    Appends that are under way come first: they would make a released sequence again.
    """
    try:
        ingest.settle()
        sequences.release()
    except (kvsift.Error, RuntimeError, ValueError):
        return
