"""A comparison as the terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ralm.evaluation.metric_names import SHOWN, comparable
from ralm.report.data import Difference, MetricRow
from ralm.report.system_tables import fewer_items
from ralm.runs.step import RunningStep


def show_protocol(
    step: RunningStep,
    protocol: str,
    rows: Sequence[MetricRow],
    against: Mapping[str, Difference],
    metric: str = "item_auc",
) -> None:
    """Print the systems of a protocol, the best first by the first figure, with RALM's differences and weak users.

    Args:
        step: the running step.
        protocol: whose systems are shown.
        rows: its figures.
        against: system -> RALM's difference from it in the first figure; may be empty.
        metric: the first figure.
    """
    shown = [name for name in comparable((row.metric for row in rows), (metric,)) if name == metric or name in SHOWN]
    found = {(row.system, row.metric): row.value for row in rows if row.segment == "all"}
    weak = {row.system: row.value for row in rows if (row.segment, row.metric) == ("weak", metric)}
    partial = fewer_items([row for row in rows if row.segment == "all"])
    names = sorted({row.system for row in rows}, key=lambda name: (-found.get((name, metric), 0.0), name))
    step.say(f"{protocol}, {max(row.items or 0 for row in rows)} items, {step.context.config.comparison.split} split")
    last = f"{'weak users':>12}" if weak else ""
    step.say(
        f"{'':<34}"
        + "".join(f"{column:>{_width(column)}}" for column in shown)
        + last
        + (f"   ralm − it, {metric}" if against else "")
    )
    for name in names:
        figures = "".join(f"{found.get((name, column), float('nan')):>{_width(column)}.4f}" for column in shown)
        last = f"{weak.get(name, float('nan')):>12.4f}" if weak else ""
        named = f"{name} ({partial[name]:,} items)" if name in partial else name
        step.say(f"{named:<34}{figures}{last}{_difference(against.get(name))}".rstrip())
    if against:
        step.say("*: the 95 % interval of the paired difference excludes 0")
    if weak:
        step.say(f"weak users: {metric} of the users without a history in the strong domain")


def _width(column: str) -> int:
    return max(12, len(column) + 2)


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:>+20.4f}{' *' if found.outcome in ('better', 'worse') else ''}"
