"""Writes the table of `docs/performance.md` and its plot from the kept results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.targets import TARGETS, less_is_better, reached

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- results: make bench -->\n", "<!-- end of results -->\n"

Result = dict[str, Any]


def write_table(results: Path, document: Path) -> None:
    """Replace the text between the document's markers by all kept results, and draw them next to the document."""
    found = list(kept(results).values())
    plot = document.with_suffix(".png")
    draw(found, plot)
    replace_between(document, BEGIN, END, table(found) + f"\n![ratios to their targets]({plot.name})\n")


def kept(results: Path) -> dict[str, Result]:
    """The kept results of a folder, by name and in the order of the names."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))}


def replace_between(document: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between two markers of a document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    document.write_text(before + begin + text + end + rest.partition(end)[2], encoding="utf-8")


def table(results: list[Result]) -> str:
    """One row per reference: ours, theirs, the ratio and its target."""
    lines = ["| benchmark | ours | reference | theirs | ours ÷ theirs | target |", "|---|---|---|---|---|---|"]
    for result in results:
        ours = f"{_number(result['value'])} {result['unit']}"
        for name, ratio in result["ratios"].items():
            theirs = result["references"].get(name)
            target = TARGETS.get(result["name"], {}).get(name)
            good = target is not None and reached(result["unit"], target, ratio)
            marked = f"**{ratio:.2f}**" if good else f"{ratio:.2f}"
            cells = [f"`{result['name']}`", ours, f"`{name}`", "" if theirs is None else _number(theirs), marked]
            lines.append("| " + " | ".join([*cells, _target(result["unit"], target)]) + " |")
            ours = ""
    machines: dict[str, list[str]] = {}
    for result in results:
        machines.setdefault(_machine(result["machine"]), []).append(f"`{result['name']}`")
    measured = [f"- {', '.join(names)}: on {machine}" for machine, names in machines.items()]
    return "\n".join([*lines, "", "Measured:", "", *measured]) + "\n"


def draw(results: list[Result], path: Path) -> None:
    """Bars of how far each ratio is from its target: 1 reaches the target, more is better."""
    bars: dict[str, float] = {}
    for result in results:
        for name, target in TARGETS.get(result["name"], {}).items():
            ratio = result["ratios"][name]
            bars[f"{result['name']}: {name}"] = target / ratio if less_is_better(result["unit"]) else ratio / target
    figure = Figure(figsize=(8, 0.6 + 0.3 * len(bars)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(bars), list(bars.values()), color=["#2a7" if value >= 1 else "#c73" for value in bars.values()])
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("ratio to its target (the line: reached)")
    axes.invert_yaxis()
    figure.savefig(path, dpi=110)


def _number(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _target(unit: str, target: float | None) -> str:
    return "" if target is None else f"{'≤' if less_is_better(unit) else '≥'} {target:g}"


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "pyspark", "torch", "numpy", "pyarrow"))
    return f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB ({versions})"
