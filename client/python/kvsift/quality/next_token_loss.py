"""Next-token losses of a passage that is decoded after a dense prefill."""

from __future__ import annotations

import torch

import kvsift
from kvsift.quality.language_model import LanguageModel
from kvsift.transformers import KvsiftCache, Worker


class Passage:
    """A passage whose beginning has been read once, to be decoded under many policies.

    After each policy the decoded tokens are dropped again: the cache is cropped, the sequence on
    the server truncated.
    """

    def __init__(
        self, language_model: LanguageModel, worker: Worker, tokens: torch.Tensor, decoded: int
    ) -> None:
        """Prefills all of `tokens` [1, context + 1] but the last `decoded` + 1."""
        self._model = language_model.model
        self._worker = worker
        self._tokens = tokens
        self._decoded = decoded
        self._prefilled = tokens.shape[1] - 1 - decoded
        outputs = self._model.base_model(tokens[:, : self._prefilled], use_cache=True)
        self._cache: KvsiftCache = outputs[1]

    def losses(self, policy: kvsift.Policy | None, chunk: int) -> list[float]:
        """Losses in nats of the decoded tokens, `chunk` of them a forward; None: dense."""
        losses: list[float] = []
        end = self._prefilled + self._decoded
        with self._worker.using(policy):
            for start in range(self._prefilled, end, chunk):
                losses += self._decode(start, min(start + chunk, end))
        self._cache.crop(-self._decoded)
        return losses

    def _decode(self, start: int, stop: int) -> list[float]:
        """Losses of tokens start + 1 .. stop, whose predictions tokens start .. stop - 1 make."""
        hidden = self._model.base_model(
            self._tokens[:, start:stop],
            **{self._worker.cache_name: self._cache},
            use_cache=True,
        )[0]
        logits = self._model.get_output_embeddings()(hidden)[0].float()
        targets = self._tokens[0, start + 1 : stop + 1]
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none").tolist()
