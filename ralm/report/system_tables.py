"""The report's tables of systems by metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ralm.evaluation.metric_names import Metric, comparable, metric_of
from ralm.report.data import Difference, MetricRow
from ralm.report.system_names import name


@dataclass(frozen=True)
class Cell:
    """A value of the comparison table, with its interval and whether it is the best of its column."""

    text: str
    span: str
    best: bool


@dataclass(frozen=True)
class Comparison:
    """One protocol's table: systems down, metrics across, and RALM's paired difference from each if there are any.

    `measured` is the title of the metric that the differences are of.
    """

    title: str
    metrics: list[Metric]
    rows: list[tuple[str, str, list[Cell]]]  # system, its name, cells
    differences: Mapping[str, Difference] = field(default_factory=dict)
    measured: str = ""


def comparison_table(
    title: str,
    rows: Sequence[MetricRow],
    differences: Mapping[str, Difference] | None = None,
    first: Sequence[str] = (),
) -> Comparison:
    """A table of all users' metrics, best system first by the first metric, the oracle above all.

    Args:
        title: above the table; the number of items is added.
        rows: of one protocol; other segments than `all` and metrics that systems are not compared by are left
            out. A system judged on fewer items is marked as such, and is never the best: its mean is of other items.
        differences: system -> RALM's difference from it in the first metric.
        first: the metrics that come first.
    """
    metrics = comparable((row.metric for row in rows if row.segment == "all"), first)
    found = [row for row in rows if row.segment == "all" and row.metric in metrics]
    values = {(row.system, row.metric): row for row in found if known(row.value)}
    items = max((row.items or 0 for row in found), default=0)
    partial = fewer_items(found)
    best = {
        metric: max(
            (
                row.value
                for (system, m), row in values.items()
                if m == metric and system != "oracle" and system not in partial
            ),
            default=0,
        )
        for metric in metrics
    }

    def order(system: str) -> tuple[bool, float, str]:
        first = values.get((system, metrics[0]))
        return system != "oracle", math.inf if first is None else -first.value, system

    table = []
    for system in sorted({row.system for row in found}, key=order):
        cells = []
        for metric in metrics:
            row = values.get((system, metric))
            span = f"{row.low:.3f} – {row.high:.3f}" if row and row.low is not None and known(row.low) else ""
            ranked = row is not None and system != "oracle" and system not in partial
            top = ranked and row is not None and row.value == best[metric]
            cells.append(Cell(number(row.value if row else None), span, top))
        named = f"{name(system)}, {partial[system]:,} items" if system in partial else name(system)
        table.append((system, named, cells))
    titled = title + (f" ({items:,} items)" if items else "")
    shown = [metric_of(metric) for metric in metrics]
    return Comparison(titled, shown, table, differences or {}, shown[0].title if shown else "")


def fewer_items(rows: Sequence[MetricRow]) -> dict[str, int]:
    """The systems that were judged on fewer items than others, with their number: their means are of other items.

    Args:
        rows: of one protocol and segment. A system's number is the largest of its metrics'.
    """
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.system] = max(counts.get(row.system, 0), row.items or 0)
    most = max(counts.values(), default=0)
    return {system: count for system, count in counts.items() if count < most}


def known(value: float | None) -> bool:
    """Whether there is a value."""
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 3) -> str:
    """A value for readers; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
