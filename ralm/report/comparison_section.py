"""The report's section on all systems: tables, plots by number of seeds, and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from ralm.evaluation.first_figure import AMONG_SHOWN
from ralm.evaluation.metric_names import METRICS, PLOTTED, metric_of
from ralm.report.data import Compared, Difference, MetricRow
from ralm.report.plots.by_seeds import Point, by_seeds
from ralm.report.system_names import CONSTANT, family
from ralm.report.system_tables import Comparison, comparison_table, fewer_items, known

HALF = "half"
NEW, LATER, WARM_UP, CROWDS = "new_items", "later_clicks", "warm_up", "crowds"
WEAK = "users without the strong domain"
MOST_LINES = 10


@dataclass(frozen=True)
class ComparisonSection:
    """What the template shows: sentences, figures, and one table per number of seeds; that of `main` is not folded."""

    sentences: list[str]
    figures: list[Markup]
    tables: list[Comparison]
    main: str
    lines: int
    systems: int
    new: bool
    later: bool
    published: bool


def seeds_of(protocol: str) -> float:
    """Seeds per item: 20 of `new_items@20`; infinite for half of an item's users."""
    number = protocol.rpartition("@")[2]
    return int(number) if number.isdecimal() else math.inf


def in_order(protocols: Iterable[str]) -> list[str]:
    """The protocols by number of seeds: new items first, later clicks last."""

    def place(protocol: str) -> tuple[bool, bool, float, str]:
        return protocol.startswith(LATER), not protocol.startswith(NEW), seeds_of(protocol), protocol

    return sorted(protocols, key=place)


def largest(compared: Compared) -> str:
    """The protocol that orders the systems: new items with the most seeds, or else a published one, or later clicks."""
    ordered = in_order({row.protocol for row in compared.rows})
    new = [protocol for protocol in ordered if protocol.startswith(NEW)]
    return (new or [protocol for protocol in ordered if not protocol.startswith(LATER)] or ordered)[-1]


def main_metric(rows: Iterable[MetricRow], first: Sequence[str] = (AMONG_SHOWN,)) -> str | None:
    """The first of the figures that RALM has here, otherwise the item AUC; None if it has neither.

    `compare` calls the AUC against all users `item_auc` on new items, where nobody was shown the item before.
    """
    own = {row.metric for row in rows if (row.system, row.segment) == ("ralm", "all") and known(row.value)}
    return next((metric for metric in (*first, AMONG_SHOWN) if metric in own), None)


def comparison_section(compared: Compared | None, first: Sequence[str] = (AMONG_SHOWN,)) -> ComparisonSection | None:
    """The section, by the first figures; None if nothing was compared."""
    if compared is None or not compared.rows:
        return None
    protocols = in_order({row.protocol for row in compared.rows})
    families = (NEW, WARM_UP)  # those that differ in the number of seeds; the first that was judged is drawn
    seeded = [[protocol for protocol in protocols if protocol.startswith(name)] for name in families]
    plotted = next((found for found in seeded if found), [])
    drawn = main_systems(compared, first)
    weak = [protocol for protocol in protocols if protocol == largest(compared) or protocol.startswith(LATER)]
    tables = [_table(compared, protocol, "all", first) for protocol in protocols]
    tables += [_table(compared, protocol, "weak", first) for protocol in weak]
    return ComparisonSection(
        [sentence for protocol in protocols if (sentence := comparison_sentence(compared, protocol, first))],
        [Markup(figure) for metric in PLOTTED if (figure := _figure(compared, plotted, drawn, metric))],
        [table for table in tables if table.rows],
        comparison_title(largest(compared)),
        len(drawn),
        len({row.system for row in compared.rows}),
        any(protocol.startswith(NEW) for protocol in protocols),
        any(protocol.startswith(LATER) for protocol in protocols),
        any(protocol.startswith((WARM_UP, CROWDS)) for protocol in protocols),
    )


def main_systems(compared: Compared, first: Sequence[str] = (AMONG_SHOWN,)) -> list[str]:
    """The systems that get a line, RALM and the best of each method: at most ten, best first by the most seeds."""
    last = largest(compared)
    value = {row.system: row.value for row in _of(compared, last, _metric(compared, last, first))}
    ordered = sorted({row.system for row in compared.rows}, key=lambda system: (-value.get(system, -1.0), system))
    families = [family(system) for system in ordered]
    main = [s for place, s in enumerate(ordered) if s == "ralm" or families.index(families[place]) == place]
    kept = set(main[:MOST_LINES]) if "ralm" not in main else {"ralm", *main[: MOST_LINES - 1]}
    return [system for system in main if system in kept]


def comparison_sentence(compared: Compared, protocol: str, first: Sequence[str] = (AMONG_SHOWN,)) -> str:
    """Where RALM stands with this number of seeds, by the first figure; nothing if it was not compared."""
    metric = _metric(compared, protocol, first)
    rows = _of(compared, protocol, metric)
    left_out = {*fewer_items(rows), *CONSTANT}
    rows = sorted((row for row in rows if row.system not in left_out), key=lambda row: -row.value)
    own = next((row for row in rows if row.system == "ralm"), None)
    if own is None or len(rows) < 2:
        return ""
    place = 1 + sum(row.value > own.value for row in rows)
    span = f" [{own.low:.3f}, {own.high:.3f}]" if own.low is not None and known(own.low) else ""
    figure = f"{metric_of(metric).named} of {own.value:.3f}{span}"
    text = f"{comparison_title(protocol)}: RALM is number {place} of {len(rows)} with {figure}"
    rivals = _differences(compared, protocol, metric)
    outcomes = [difference.outcome for system, difference in rivals.items() if system not in CONSTANT]
    counted = [
        f"{words} {count}"
        for outcome, words in (("better", "ahead of"), ("worse", "behind"), ("unclear", "not clearly different from"))
        if (count := outcomes.count(outcome))
    ]
    return text + (f"; paired item by item it is {', '.join(counted)}." if counted else ".")


def _metric(compared: Compared, protocol: str, first: Sequence[str]) -> str:
    return main_metric([row for row in compared.rows if row.protocol == protocol], first) or AMONG_SHOWN


def _of(compared: Compared, protocol: str, metric: str) -> list[MetricRow]:
    asked = (protocol, metric, "all")
    return [row for row in compared.rows if (row.protocol, row.metric, row.segment) == asked and known(row.value)]


def _table(compared: Compared, protocol: str, segment: str, first: Sequence[str]) -> Comparison:
    rows = [row for row in compared.rows if (row.protocol, row.segment) == (protocol, segment)]
    title = comparison_title(protocol) + ("" if segment == "all" else f": {WEAK}")
    metric = _metric(compared, protocol, first)
    return comparison_table(
        title,
        [replace(row, segment="all") for row in rows],
        _differences(compared, protocol, metric, segment),
        (metric,),
    )


def _differences(compared: Compared, protocol: str, metric: str, segment: str = "all") -> dict[str, Difference]:
    asked = (protocol, metric, segment)
    return {d.baseline: d for d in compared.differences if (d.protocol, d.metric, d.segment) == asked}


def comparison_title(protocol: str) -> str:
    """A protocol of the comparison in words."""
    if protocol.startswith(LATER):
        return "Later clicks on known items, all earlier clickers as seeds"
    family, _, name = protocol.partition("@")
    if family == CROWDS:
        return f"Held-out items with {name} crowds, among the users whom they were shown to"
    if family == WARM_UP:
        return f"Held-out items, the clickers among their first {name} users as seeds"
    seeds = seeds_of(protocol)
    return f"{seeds:,} seeds per item" if math.isfinite(seeds) else "Half of an item’s users as its seeds"


def _figure(compared: Compared, protocols: Sequence[str], systems: Sequence[str], metric: str) -> str:
    labels: list[str] = []
    lines: dict[str, list[Point]] = {system: [] for system in systems}
    for place, protocol in enumerate(protocols):
        rows = _of(compared, protocol, metric)
        items = max((row.items or 0 for row in rows), default=0)
        seeds = seeds_of(protocol)
        labels.append(f"{f'{seeds:,}' if math.isfinite(seeds) else HALF}\n{items:,} items")
        for row in rows:
            if row.system in lines:
                lines[row.system].append(Point(place, row.value, row.low, row.high))
    filled = {system: points for system, points in lines.items() if points}
    return by_seeds(filled, labels, METRICS[metric].title) if filled else ""
