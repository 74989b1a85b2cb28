"""Records traces of a model: queries and keys as attention sees them, what kvsift-capture does.

A trace is a safetensors file that `kvsift evaluate` and `kvsift-load` replay:

    token_ids          int32 [tokens]
    query_positions    int32 [positions], ascending: the query at p sees keys 0 .. p
    layers.L.keys      [kv_heads, tokens, head_dim]
    layers.L.queries   [query_heads, positions, head_dim]
    layers.L.values    optional, shaped like the keys
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from kvsift.calibrate import add_model_arguments, check_layers
from kvsift.progress import Progress

_QUERIES = 64


def spread_positions(tokens: int, count: int = _QUERIES) -> list[int]:
    """`count` positions in the middle of equal parts of the second half of `tokens`.

    Raises ValueError if there are fewer than two tokens for each.
    """
    step = tokens // 2 // count
    if step < 1:
        raise ValueError(f"query positions: {count}, must be 1 to half of {tokens} tokens")
    first = tokens - count * step
    return [first + i * step + (step - 1) // 2 for i in range(count)]


def capture_trace(
    model: Any,
    token_ids: Sequence[int],
    layer_ids: Sequence[int],
    query_positions: Sequence[int],
    *,
    values: bool = False,
    dtype: Any = None,
) -> dict[str, Any]:
    """The tensors of a trace, by name.

    model: of Transformers (kvsift.models.load_model). It reads the tokens once, densely.
    query_positions: ascending, below the number of tokens.
    dtype: of the recorded vectors, torch.float16 by default.
    Raises ValueError if the model lacks a layer, positions are wrong, or values do not fit dtype.
    """
    import torch

    from kvsift.attention_capture import read_densely

    dtype = dtype or torch.float16
    _check_positions(query_positions, len(token_ids))
    tensors = {
        "token_ids": torch.tensor(list(token_ids), dtype=torch.int32),
        "query_positions": torch.tensor(list(query_positions), dtype=torch.int32),
    }
    seen = []

    def listener(layer: int, query: Any, key: Any, value: Any) -> None:
        seen.append(layer)
        progress.show(layer)
        if layer not in layer_ids:
            return
        recorded = {"keys": key[0], "queries": query[0][:, list(query_positions)]}
        if values:
            recorded["values"] = value[0]
        for kind, vectors in recorded.items():
            tensors[f"layers.{layer}.{kind}"] = _converted(layer, kind, vectors, dtype)

    with Progress("layer") as progress:
        read_densely(model, token_ids, listener)
    check_layers(layer_ids, seen)
    return tensors


def _check_positions(positions: Sequence[int], tokens: int) -> None:
    limit = f"ascending, 0 to {tokens - 1}"
    if not positions:
        raise ValueError(f"query positions: none, must be {limit}")
    previous = -1
    for position in positions:
        if not previous < position < tokens:
            raise ValueError(f"query positions: {position} after {previous}, must be {limit}")
        previous = position


def _converted(layer: int, kind: str, vectors: Any, dtype: Any) -> Any:
    converted = vectors.to("cpu", dtype).contiguous().clone()
    if not converted.isfinite().all():
        raise ValueError(
            f"{kind} of layer {layer}: up to {vectors.abs().max().item()}, must fit {dtype}: "
            "record them as float32"
        )
    return converted


def save_trace(path: str, tensors: dict[str, Any], remarks: dict[str, str]) -> None:
    """Writes a trace. remarks: what the file says of itself, such as model and text."""
    from safetensors.torch import save_file

    keys = next(tensor for name, tensor in tensors.items() if name.endswith(".keys"))
    queries = next(tensor for name, tensor in tensors.items() if name.endswith(".queries"))
    facts = {
        "kv_heads": keys.shape[0],
        "query_heads": queries.shape[0],
        "head_dim": keys.shape[2],
        "tokens": keys.shape[1],
        "state": "after rotary embedding",
    }
    save_file(tensors, path, {name: str(fact) for name, fact in facts.items()} | remarks)


def capture(arguments: argparse.Namespace) -> dict[str, Any]:
    """Records and writes what the command line asks for; returns the tensors."""
    import torch

    from kvsift.models import first_tokens, load_model, model_name, read_text

    text = read_text(arguments.text, arguments.first_character)
    model, tokenizer = load_model(arguments.model, arguments.dtype, arguments.device)
    ids = first_tokens(tokenizer, text, arguments.tokens, arguments.special_tokens)
    positions = arguments.query_positions or spread_positions(len(ids))
    tensors = capture_trace(
        model,
        ids,
        arguments.layers,
        positions,
        values=arguments.values,
        dtype=getattr(torch, arguments.record_as),
    )
    remarks = {
        "model": f"{model_name(arguments.model)}, computed in {arguments.dtype}",
        "text": f"{model_name(arguments.text)}, from character {arguments.first_character}",
    }
    save_trace(arguments.output, tensors, remarks)
    return tensors


def _integers(text: str) -> list[int]:
    """Of "4,14,26", or of "4127:8192:64" as Python's range reads it."""
    if ":" in text:
        return list(range(*(int(part) for part in text.split(":"))))
    return [int(part) for part in text.split(",")]


def main(argv: Sequence[str] | None = None) -> int:
    """kvsift-capture: exit code 0, 1 if it failed, 2 if the command line is wrong."""
    parser = argparse.ArgumentParser(
        prog="kvsift-capture", description="Records queries and keys of a model that reads a text."
    )
    add_model_arguments(parser)
    parser.add_argument("--layers", type=_integers, required=True, help="such as 4,14,26 or 0:30")
    parser.add_argument("--tokens", type=int, default=8192, help="tokens to read (8192)")
    parser.add_argument("--first-character", type=int, default=0, help="where in the text (0)")
    parser.add_argument(
        "--query-positions",
        type=_integers,
        help=f"such as 4127:8192:64 ({_QUERIES} spread over the second half)",
    )
    parser.add_argument("--values", action="store_true", help="record values, too")
    parser.add_argument(
        "--record-as", default="float16", choices=["float16", "bfloat16", "float32"]
    )
    parser.add_argument("--output", required=True, help="the safetensors file to write")
    arguments = parser.parse_args(argv)
    try:
        tensors = capture(arguments)
    except (OSError, ValueError, ImportError) as error:
        print(f"kvsift-capture: {error}", file=sys.stderr)
        return 1
    queries = len(tensors["query_positions"])
    print(f"{arguments.output}: layers {arguments.layers}, {queries} query positions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
