"""Results of policies by k: as a table, CSV, JSON, a plot."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

from kvsift.quality.settings import Setting


@dataclasses.dataclass(frozen=True)
class Results:
    """A figure of dense attention and of each setting, such as a perplexity."""

    figure: str  # what it is called
    dense: float
    by_setting: dict[Setting, float]
    decimals: int = 2  # that are printed

    def labels(self) -> list[str]:
        """Policies in the order in which they were asked for."""
        return list(dict.fromkeys(setting.label for setting in self.by_setting))

    def ks(self) -> list[int]:
        """Every k, ascending."""
        return sorted({setting.policy.k for setting in self.by_setting})

    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Each policy with its figures by k; None where it was not measured."""
        found = {(s.label, s.policy.k): value for s, value in self.by_setting.items()}
        return [(label, [found.get((label, k)) for k in self.ks()]) for label in self.labels()]


def results(figure: str, by_setting: dict[Setting | None, float], decimals: int = 2) -> Results:
    """Results of settings and of dense attention, which is the setting None."""
    selected = {setting: value for setting, value in by_setting.items() if setting is not None}
    return Results(figure, by_setting[None], selected, decimals)


def as_json(results: Results) -> str:
    """{"dense": figure, "results": {"asymmetric_dot@64": figure, ...}} on one line."""
    by_name = {
        setting.name: round(value, results.decimals)
        for setting, value in results.by_setting.items()
    }
    return json.dumps({"dense": round(results.dense, results.decimals), "results": by_name})


def as_csv(results: Results) -> str:
    """One line per policy and k: policy, k, figure; dense first, without a k."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["policy", "k", results.figure])
    writer.writerow(["dense", "", f"{results.dense:.{results.decimals + 2}f}"])
    for setting, value in results.by_setting.items():
        writer.writerow([setting.label, setting.policy.k, f"{value:.{results.decimals + 2}f}"])
    return text.getvalue().rstrip("\n")


def as_table(results: Results) -> str:
    """A Markdown table: policies down, k across."""
    lines = [
        f"{results.figure}, dense: {results.dense:.{results.decimals}f}",
        "",
        "| k = | " + " | ".join(map(str, results.ks())) + " |",
        "|---" * (1 + len(results.ks())) + "|",
    ]
    for label, values in results.rows():
        cells = ["-" if v is None else f"{v:.{results.decimals}f}" for v in values]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results: Results, path: str, title: str) -> None:
    """Writes a plot of the figure over k, one line per policy, to an image file."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: pip install 'kvsift[plot]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for label, values in results.rows():
        points = [(k, v) for k, v in zip(results.ks(), values, strict=True) if v is not None]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label)
    axes.axhline(results.dense, color="black", linestyle="--", linewidth=1, label="dense")
    axes.set(xscale="log", yscale="log", xlabel="k: positions per list", ylabel=results.figure)
    axes.set_title(title, fontsize="medium")
    for axis, ticks in ((axes.xaxis, results.ks()), (axes.yaxis, None)):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}" if ticks is None else "")
        if ticks:
            axis.set_ticks(ticks)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


FORMATS = {"table": as_table, "csv": as_csv, "json": as_json}
