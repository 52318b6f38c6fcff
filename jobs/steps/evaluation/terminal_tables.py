"""A comparison as the terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ralm.evaluation.metric_names import SHOWN
from ralm.report.data import Difference, MetricRow
from ralm.report.system_tables import fewer_items
from ralm.runs.step import RunningStep


def show_protocol(
    step: RunningStep, protocol: str, rows: Sequence[MetricRow], against: Mapping[str, Difference]
) -> None:
    """Print the systems of a protocol, the best first, with RALM's differences and weak users if there are any."""
    found = {(row.system, row.metric): row.value for row in rows if row.segment == "all"}
    weak = {row.system: row.value for row in rows if (row.segment, row.metric) == ("weak", "item_auc")}
    partial = fewer_items([row for row in rows if row.segment == "all"])
    names = sorted({row.system for row in rows}, key=lambda name: (-found.get((name, "item_auc"), 0.0), name))
    step.say(f"{protocol}, {max(row.items or 0 for row in rows)} items, {step.context.config.comparison.split} split")
    last = f"{'weak users':>12}" if weak else ""
    step.say(
        f"{'':<34}"
        + "".join(f"{metric:>12}" for metric in SHOWN)
        + last
        + ("   ralm − it, item_auc" if against else "")
    )
    for name in names:
        figures = "".join(f"{found.get((name, metric), float('nan')):>12.4f}" for metric in SHOWN)
        last = f"{weak.get(name, float('nan')):>12.4f}" if weak else ""
        named = f"{name} ({partial[name]:,} items)" if name in partial else name
        step.say(f"{named:<34}{figures}{last}{_difference(against.get(name))}".rstrip())
    if against:
        step.say("*: the 95 % interval of the paired difference excludes 0")
    if weak:
        step.say("weak users: item_auc of the users without a history in the strong domain")


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:>+20.4f}{' *' if found.outcome in ('better', 'worse') else ''}"
