"""Models and texts from files."""

from __future__ import annotations

import dataclasses
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel


@dataclasses.dataclass(frozen=True)
class LanguageModel:
    """A causal language model and its tokenizer."""

    model: PreTrainedModel
    tokenizer: object

    def tokens(self, text: str, count: int | None = None) -> torch.Tensor:
        """The first `count` tokens of a text, [1, count], without special tokens.

        Raises ValueError if the text has fewer.
        """
        ids = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        if count is not None and ids.shape[1] < count:
            raise ValueError(f"the text has {ids.shape[1]} tokens, {count} are needed")
        return ids[:, :count].to(self.model.device)


def load(path: str, device: str = "cpu", dtype: str = "float32") -> LanguageModel:
    """The model in a GGUF file, or in a directory as Transformers saves it; no network."""
    place = pathlib.Path(path).absolute()
    if not place.exists():
        raise FileNotFoundError(f"model: {place} does not exist")
    source = {"pretrained_model_name_or_path": str(place), "local_files_only": True}
    if place.is_file():
        source["pretrained_model_name_or_path"] = str(place.parent)
        source["gguf_file"] = place.name
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=getattr(torch, dtype))
    return LanguageModel(model.to(device).eval(), tokenizer)
