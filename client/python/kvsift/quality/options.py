"""What the quality programs share: options, the server, the model that decodes through it."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence

import kvsift
import kvsift.server
from kvsift.calibrate import measure_key_scales
from kvsift.models import DTYPES, first_tokens, load_model, read_text
from kvsift.quality import report
from kvsift.quality.language_model import LanguageModel
from kvsift.quality.progress import Progress
from kvsift.transformers import Worker, attach

POLICIES = (
    "asymmetric_dot,dot,squared_euclidean,manhattan,asymmetric_dot/group_max,"
    "asymmetric_dot/layer_max,asymmetric_dot+sinks=4,window=16,manhattan+sinks=4,window=16"
)


def parser(program: str, manual: str) -> argparse.ArgumentParser:
    """A parser with the options of all programs; `manual` is the program's docstring."""
    parser = argparse.ArgumentParser(
        prog=program,
        description=manual.split("\n")[0].partition(": ")[2],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--server", metavar="ADDRESS", help="host:port or unix:/path; None: one is started"
    )
    parser.add_argument("--model", required=True, help="GGUF file, folder, or name on the hub")
    parser.add_argument(
        "--calibration", required=True, metavar="TEXT", help="a text to measure key scales on"
    )
    parser.add_argument("--calibration-tokens", type=int, default=4096, help="of its beginning")
    parser.add_argument("--policies", default=POLICIES, help="ESTIMATOR[/GROUPING][+sinks=N,...]")
    parser.add_argument("--k", default="16,32,64,128,256,512", help="positions per list")
    parser.add_argument("--dense-layers", type=int, default=2, help="first layers without lists")
    parser.add_argument("--device", default="cpu", help="where the model runs: cpu, cuda")
    parser.add_argument("--dtype", default="float32", choices=DTYPES)
    parser.add_argument("--format", choices=report.FORMATS, default="table", help="of the output")
    parser.add_argument("--plot", metavar="FILE.png", help="also write a plot")
    return parser


def run(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    measure: Callable[[argparse.Namespace, Progress], report.Results],
) -> int:
    """Measures and prints. Returns the exit code: 0, or 1 after an error that it printed."""
    given = parser.parse_args(arguments)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            results = measure(given, Progress(parser.prog))
            if given.plot:
                title = f"{pathlib.Path(given.model).stem}, {given.context} tokens of context"
                report.plot(results, given.plot, title)
    except (kvsift.Error, ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(report.FORMATS[given.format](results))
    return 0


def check_range(name: str, value: int, least: int, most: int | None = None) -> None:
    """Raises ValueError, naming the option, unless least <= value <= most."""
    if value < least or (most is not None and value > most):
        limit = f"at least {least}" if most is None else f"{least} to {most}"
        raise ValueError(f"{name}: {value}, must be {limit}")


@contextlib.contextmanager
def decoding(
    given: argparse.Namespace, progress: Progress, max_decode_tokens: int
) -> Iterator[tuple[LanguageModel, Worker]]:
    """The model of the options, and the worker through which it decodes, on a server."""
    calibration = read_text(given.calibration)
    progress.say(f"loading {given.model}")
    model = LanguageModel(*load_model(given.model, given.dtype, given.device))
    tokens = first_tokens(model.tokenizer, calibration, given.calibration_tokens)
    with _connect(given.server) as client:
        progress.say(f"measuring key scales on {given.calibration_tokens} tokens")
        scales = measure_key_scales(model.model, tokens).scales
        with attach(
            model.model,
            client,
            scales=scales,
            dense_layers=given.dense_layers,
            dense_below=0,
            max_decode_tokens=max_decode_tokens,
        ) as worker:
            yield model, worker


@contextlib.contextmanager
def _connect(address: str | None) -> Iterator[kvsift.Client]:
    """A client of the server at an address, or of one that runs as long as this."""
    with contextlib.ExitStack() as stack:
        if address is None:
            address = stack.enter_context(kvsift.server.start_server()).address
        yield stack.enter_context(kvsift.Client(address, timeout=60.0))
