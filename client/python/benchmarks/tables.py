"""Results of decode.py as Markdown."""

from __future__ import annotations

from typing import Any

Result = dict[str, Any]


def markdown(results: list[Result]) -> str:
    """Tables of both parts, and where selecting overtakes dense attention."""
    attention = [r for r in results if r["part"] == "attention"]
    generation = [r for r in results if r["part"] == "generation"]
    parts = []
    if attention:
        parts += ["Attention of one layer, 8 kv heads x 32 query heads x 128:", ""]
        parts += _table(
            (
                "device",
                "sharing",
                "batch",
                "context",
                "dense us",
                "kvsift us",
                "of it the call us",
            ),
            [
                _row(r, [f"{r[name]:.0f}" for name in ("dense_us", "kvsift_us", "call_us")])
                for r in attention
            ],
        )
        parts += ["", *_crossovers(attention), ""]
    if generation:
        parts += ["Generation, SmolLM2-135M's shape, tokens a second of the batch:", ""]
        parts += _table(
            ("device", "sharing", "batch", "prompt", "dense", "kvsift"),
            [
                _row(r, [f"{r[f'{name}_tokens_a_second']:.1f}" for name in ("dense", "kvsift")])
                for r in generation
            ],
        )
    return "\n".join(parts) + "\n"


def _crossovers(attention: list[Result]) -> list[str]:
    """For each way of sharing, from how many bytes of K and V on selecting was always faster."""
    lines = []
    for where in dict.fromkeys(map(_where, attention)):
        rows = sorted((r for r in attention if _where(r) == where), key=lambda r: r["kv_bytes"])
        slower = [i for i, r in enumerate(rows) if r["kvsift_us"] >= r["dense_us"]]
        first = slower[-1] + 1 if slower else 0
        said = "nothing measured"
        if first < len(rows):
            said = f"all from {rows[first]['kv_bytes'] >> 20} MiB of K and V on"
        lines.append(f"{', '.join(where)}: selecting is faster for {said}.")
    return lines


def _row(result: Result, figures: list[str]) -> tuple[object, ...]:
    return (*_where(result), result["batch"], result["context"], *figures)


def _where(result: Result) -> tuple[str, str]:
    sharing = result["sharing"]
    return result["device"], f"{sharing}, {result['beside']}" if "beside" in result else sharing


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]
