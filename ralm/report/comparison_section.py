"""The report's section on all systems: tables, plots by number of seeds, and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from ralm.evaluation.metric_names import PLOTTED, TITLES
from ralm.report.data import Compared, Difference, MetricRow
from ralm.report.plots.by_seeds import Point, by_seeds
from ralm.report.system_names import family
from ralm.report.system_tables import Comparison, comparison_table, fewer_items, known

HALF = "half"
LATER = "later_clicks"
WEAK = "users without the strong domain"
MOST_LINES = 10


@dataclass(frozen=True)
class ComparisonSection:
    """What the template shows: sentences, figures, and one table per number of seeds."""

    sentences: list[str]
    figures: list[Markup]
    tables: list[Comparison]
    lines: int
    systems: int
    later: bool


def seeds_of(protocol: str) -> float:
    """Seeds per item: 20 of `new_items@20`; infinite for half of an item's users."""
    number = protocol.rpartition("@")[2]
    return int(number) if number.isdecimal() else math.inf


def in_order(protocols: Iterable[str]) -> list[str]:
    """The protocols by number of seeds, later clicks last."""
    return sorted(protocols, key=lambda protocol: (protocol.startswith(LATER), seeds_of(protocol)))


def _largest(compared: Compared) -> str:
    """The protocol that orders the systems: new items with the most seeds, or else later clicks."""
    ordered = in_order({row.protocol for row in compared.rows})
    return [protocol for protocol in ordered if not protocol.startswith(LATER) or protocol == ordered[0]][-1]


def comparison_section(compared: Compared | None) -> ComparisonSection | None:
    """The section; None if nothing was compared."""
    if compared is None or not compared.rows:
        return None
    protocols = in_order({row.protocol for row in compared.rows})
    new_items = [protocol for protocol in protocols if not protocol.startswith(LATER)]
    drawn = main_systems(compared)
    weak = [protocol for protocol in protocols if protocol == _largest(compared) or protocol.startswith(LATER)]
    tables = [_table(compared, protocol, "all") for protocol in protocols]
    tables += [_table(compared, protocol, "weak") for protocol in weak]
    return ComparisonSection(
        [sentence for protocol in protocols if (sentence := comparison_sentence(compared, protocol))],
        [Markup(figure) for metric in PLOTTED if (figure := _figure(compared, new_items, drawn, metric))],
        [table for table in tables if table.rows],
        len(drawn),
        len({row.system for row in compared.rows}),
        any(protocol.startswith(LATER) for protocol in protocols),
    )


def comparison_headline(compared: Compared | None) -> str:
    """The sentence for the largest number of seeds, for a report that has only the comparison."""
    if compared is None or not compared.rows:
        return ""
    return comparison_sentence(compared, _largest(compared))


def main_systems(compared: Compared) -> list[str]:
    """The systems that get a line, RALM and the best of each method: at most ten, best first by the most seeds."""
    last = _largest(compared)
    value = {row.system: row.value for row in _of(compared, last, "item_auc")}
    ordered = sorted({row.system for row in compared.rows}, key=lambda system: (-value.get(system, -1.0), system))
    families = [family(system) for system in ordered]
    main = [s for place, s in enumerate(ordered) if s == "ralm" or families.index(families[place]) == place]
    kept = set(main[:MOST_LINES]) if "ralm" not in main else {"ralm", *main[: MOST_LINES - 1]}
    return [system for system in main if system in kept]


def comparison_sentence(compared: Compared, protocol: str) -> str:
    """Where RALM stands with this number of seeds, by item AUC; nothing if it was not compared."""
    rows = _of(compared, protocol, "item_auc")
    partial = fewer_items(rows)
    rows = sorted((row for row in rows if row.system not in partial), key=lambda row: -row.value)
    own = next((row for row in rows if row.system == "ralm"), None)
    if own is None or len(rows) < 2:
        return ""
    place = 1 + sum(row.value > own.value for row in rows)
    span = f" [{own.low:.3f}, {own.high:.3f}]" if own.low is not None and known(own.low) else ""
    text = f"{_title(protocol)}: RALM is number {place} of {len(rows)} with an item AUC of {own.value:.3f}{span}"
    outcomes = [difference.outcome for difference in _differences(compared, protocol).values()]
    counted = [
        f"{words} {count}"
        for outcome, words in (("better", "ahead of"), ("worse", "behind"), ("unclear", "not clearly different from"))
        if (count := outcomes.count(outcome))
    ]
    return text + (f"; paired item by item it is {', '.join(counted)}." if counted else ".")


def _of(compared: Compared, protocol: str, metric: str) -> list[MetricRow]:
    asked = (protocol, metric, "all")
    return [row for row in compared.rows if (row.protocol, row.metric, row.segment) == asked and known(row.value)]


def _table(compared: Compared, protocol: str, segment: str) -> Comparison:
    rows = [row for row in compared.rows if (row.protocol, row.segment) == (protocol, segment)]
    title = _title(protocol) + ("" if segment == "all" else f": {WEAK}")
    return comparison_table(
        title, [replace(row, segment="all") for row in rows], _differences(compared, protocol, segment)
    )


def _differences(compared: Compared, protocol: str, segment: str = "all") -> dict[str, Difference]:
    asked = (protocol, "item_auc", segment)
    return {d.baseline: d for d in compared.differences if (d.protocol, d.metric, d.segment) == asked}


def _title(protocol: str) -> str:
    if protocol.startswith(LATER):
        return "Later clicks on known items, all earlier clickers as seeds"
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
    return by_seeds(filled, labels, TITLES[metric]) if filled else ""
