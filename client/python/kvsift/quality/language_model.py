"""A model with its tokenizer."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from kvsift.models import first_tokens


class LanguageModel(NamedTuple):
    """A causal language model of Transformers and its tokenizer, as load_model returns them."""

    model: Any
    tokenizer: Any

    def tokens(self, text: str, count: int | None = None) -> torch.Tensor:
        """Return the first `count` tokens of a text [1, count], all by default, none special.

        Raises ValueError if the text has fewer.
        """
        if count is None:
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            ids = first_tokens(self.tokenizer, text, count)
        return torch.tensor([ids], device=self.model.device)
