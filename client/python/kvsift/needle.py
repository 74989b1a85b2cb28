r"""kvsift-needle: whether a model that decodes through a server finds a fact in a long text.

    kvsift-needle --server 127.0.0.1:7600 --model SmolLM2-135M-Instruct.Q4_1.gguf \
        --calibration calibration.txt --haystack text.txt --policies asymmetric_dot --k 16,64

A sentence with the fact is placed at several depths of the text, which is prefilled densely; then
the beginning of that sentence and the answer are decoded under each policy. The figure is the
probability of the whole answer, as a geometric mean over the depths. It shows one thing only:
whether the selection contains positions far back that matter. Results go to standard output,
progress to standard error.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

import torch

from kvsift.models import read_text
from kvsift.quality import options, report
from kvsift.quality.language_model import LanguageModel
from kvsift.quality.next_token_loss import Passage
from kvsift.quality.progress import Progress
from kvsift.quality.settings import Setting, parse_ks, parse_policies, settings

NEEDLE = "The secret number of the winter palace is 7 4 1 9 3."
QUESTION = "The secret number of the winter palace is"
ANSWER = " 7 4 1 9 3"


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit code: 0, or 1 after an error that it printed."""
    return options.run(_parser(), arguments, _measure)


def _parser() -> argparse.ArgumentParser:
    parser = options.parser("kvsift-needle", __doc__)
    parser.add_argument("--haystack", required=True, metavar="TEXT", help="a long text")
    parser.add_argument("--context", type=int, default=4096, help="tokens of the text")
    parser.add_argument("--depths", default="0.1,0.3,0.5,0.7,0.9", help="shares of the text")
    parser.add_argument("--needle", default=NEEDLE, help="the sentence with the fact")
    parser.add_argument("--question", default=QUESTION, help="its beginning")
    parser.add_argument("--answer", default=ANSWER, help="what follows")
    parser.set_defaults(k="16,64,256")
    return parser


@torch.inference_mode()
def _measure(given: argparse.Namespace, progress: Progress) -> report.Results:
    wanted = settings(parse_policies(given.policies), parse_ks(given.k))
    depths = [float(depth) for depth in given.depths.split(",")]
    options.check_range("context", given.context, 1)
    if not all(0 <= depth <= 1 for depth in depths):
        raise ValueError(f"depths: {given.depths}, must be 0 to 1")
    haystack = read_text(given.haystack)
    logs: dict[Setting | None, list[float]] = {setting: [] for setting in (None, *wanted)}
    with options.decoding(given, progress, max_decode_tokens=1 << 16) as (model, worker):
        for depth in depths:
            tokens, asked = _tokens(model, haystack, depth, given)
            passage = Passage(model, worker, tokens, asked)
            for setting, found in logs.items():
                losses = passage.losses(setting.policy if setting else None, asked)
                found.append(-sum(losses[-_length(model, given.answer) :]))
                name = setting.name if setting else "dense"
                progress.say(f"depth {depth}: {name} {math.exp(found[-1]):.3f}")
    figures = {s: math.exp(sum(found) / len(found)) for s, found in logs.items()}
    return report.results("probability of the answer", figures, decimals=4)


def _tokens(
    model: LanguageModel, haystack: str, depth: float, given: argparse.Namespace
) -> tuple[torch.Tensor, int]:
    """The text with its needle, the question and the answer; how many tokens are decoded."""
    text = model.tokens(haystack, given.context)
    place = int(depth * given.context)
    needle, question, answer = (
        model.tokens(part) for part in (f"\n{given.needle}\n", f"\n{given.question}", given.answer)
    )
    whole = torch.cat([text[:, :place], needle, text[:, place:], question, answer], dim=1)
    return whole, question.shape[1] + answer.shape[1] - 1


def _length(model: LanguageModel, text: str) -> int:
    return model.tokens(text).shape[1]


if __name__ == "__main__":
    sys.exit(main())
