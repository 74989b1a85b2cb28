r"""kvsift-perplexity: the perplexity of a model that decodes through a running server.

    kvsift-perplexity --server 127.0.0.1:7600 --model SmolLM2-135M-Instruct.Q4_1.gguf \
        --calibration calibration.txt --passages 1.txt,2.txt \
        --policies asymmetric_dot,manhattan --k 64,256

Of each passage's first `context` + 1 tokens, all but the last `decode-tokens` are prefilled
densely; then the rest is decoded with every layer but the first two attending to its selection
only, once densely and once for each policy and k. The figure is exp of the mean next-token loss of
all decoded tokens. Key scales are measured on the calibration text. Results go to standard output,
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
from kvsift.quality.next_token_loss import Passage
from kvsift.quality.progress import Progress
from kvsift.quality.settings import Setting, parse_ks, parse_policies, settings


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit code: 0, or 1 after an error that it printed."""
    return options.run(_parser(), arguments, _measure)


def _parser() -> argparse.ArgumentParser:
    parser = options.parser("kvsift-perplexity", __doc__)
    parser.add_argument("--passages", required=True, metavar="TEXT,...", help="texts to read")
    parser.add_argument("--context", type=int, default=8192, help="tokens of a passage")
    parser.add_argument("--decode-tokens", type=int, default=1024, help="the last ones")
    parser.add_argument("--chunk", type=int, default=256, help="tokens of one forward")
    return parser


@torch.inference_mode()
def _measure(given: argparse.Namespace, progress: Progress) -> report.Results:
    wanted = settings(parse_policies(given.policies), parse_ks(given.k))
    options.check_range("context", given.context, 2)
    options.check_range("decode-tokens", given.decode_tokens, 1, given.context - 1)
    options.check_range("chunk", given.chunk, 1)
    texts = [read_text(path) for path in given.passages.split(",")]
    losses: dict[Setting | None, list[float]] = {setting: [] for setting in (None, *wanted)}
    with options.decoding(given, progress, max_decode_tokens=given.chunk) as (model, worker):
        for number, text in enumerate(texts, 1):
            progress.say(f"passage {number} of {len(texts)}: prefill")
            tokens = model.tokens(text, given.context + 1)
            passage = Passage(model, worker, tokens, given.decode_tokens)
            for setting, found in losses.items():
                found += passage.losses(setting.policy if setting else None, given.chunk)
                perplexity = math.exp(sum(found[-given.decode_tokens :]) / given.decode_tokens)
                name = setting.name if setting else "dense"
                progress.say(f"passage {number}: {name} {perplexity:.2f}")
    figures = {setting: math.exp(sum(found) / len(found)) for setting, found in losses.items()}
    return report.results("perplexity", figures)


if __name__ == "__main__":
    sys.exit(main())
