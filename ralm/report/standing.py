"""Where RALM stands on the first figure: its own value, and every other system that was judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ralm.report.comparison_section import comparison_title, in_order, largest, main_metric
from ralm.report.data import Difference, MetricRow, ReportData
from ralm.report.system_names import CONSTANT, name
from ralm.report.system_tables import fewer_items

PROTOCOLS = {"new_items": "new items", "later_clicks": "known items with later clicks"}


@dataclass(frozen=True)
class Rival:
    """Another system: its value, RALM's paired difference from it if there is one, and where, if not under the main
    protocol."""

    system: str
    value: float
    difference: Difference | None = None
    where: str = ""

    @property
    def outcome(self) -> str:
        """As of `Difference`: better, worse and unclear are said of RALM."""
        return "untested" if self.difference is None else self.difference.outcome

    @property
    def interval(self) -> str:
        """RALM's difference with its interval: `-0.009 [-0.019, +0.001]`; empty where it was not tested."""
        if self.difference is None or self.outcome == "untested":
            return ""
        d = self.difference
        return f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]".replace("-", "−")

    @property
    def text(self) -> str:
        """For a sentence: name, value, difference, and where."""
        found = "; ".join(part for part in (f"{self.value:.3f}", self.interval, self.where) if part)
        return f"{name(self.system)} ({found})"


@dataclass(frozen=True)
class Standing:
    """RALM's figures and its rivals.

    Attributes:
        own: RALM's first figure.
        beside: RALM's other first figures on the same items.
        where: the protocol in words.
        rivals: all other systems but the oracle and those that are chance by construction, the best first.
        oracle: the oracle's row of the same metric, if there is one.
        compared: whether `compare` judged, rather than `evaluate`.
        place: RALM's place among `systems` systems that were judged on as many items.
        systems: how many there are, RALM among them.
    """

    own: MetricRow
    beside: Sequence[MetricRow]
    where: str
    rivals: Sequence[Rival]
    oracle: MetricRow | None = None
    compared: bool = False
    place: int = 1
    systems: int = 1

    @property
    def ahead(self) -> Rival | None:
        """The best of the systems that are clearly ahead of RALM."""
        return next((rival for rival in self.rivals if rival.outcome == "worse"), None)


def standing(data: ReportData) -> Standing | None:
    """By the comparison of all systems if there is one, otherwise by the evaluation; None if RALM was not judged."""
    return _compared(data) or evaluated(data)


def evaluated(data: ReportData, protocol: str | None = None) -> Standing | None:
    """By the evaluation, on new items (else the first protocol that has RALM)."""
    if protocol is None:
        protocol = main_protocol(data)
    found = [row for row in data.metrics if row.protocol == protocol]
    metric = main_metric(found, data.first_figures)
    if metric is None or protocol is None:
        return None
    rows = _finite(found, metric)
    own = next(row for row in rows if row.system == "ralm")
    tested = _tested(data.differences, protocol, metric)
    others = [row for row in rows if row.system not in ("ralm", "oracle", *CONSTANT)]
    words = PROTOCOLS.get(protocol, protocol.replace("_", " "))
    return Standing(
        own,
        _beside(found, data.first_figures, metric),
        f"{own.items:,} {words}" if own.items else words,
        _best_first([Rival(row.system, row.value, tested.get(row.system)) for row in others]),
        next((row for row in rows if row.system == "oracle"), None),
        place=1 + sum(row.value > own.value for row in others),
        systems=1 + len(others),
    )


def main_protocol(data: ReportData) -> str | None:
    """The protocol of the evaluation that the headline is about."""
    first = (*data.first_figures, "item_auc")
    rows = [row for row in data.metrics if row.system == "ralm" and row.segment == "all" and row.metric in first]
    found = [row.protocol for row in rows if math.isfinite(row.value)]
    return next((p for p in PROTOCOLS if p in found), found[0] if found else None)


def _compared(data: ReportData) -> Standing | None:
    if data.compared is None or not data.compared.rows:
        return None
    compared, main = data.compared, largest(data.compared)
    own_rows = [row for row in compared.rows if row.protocol == main]
    metric = main_metric(own_rows, data.first_figures)
    if metric is None:
        return None
    rows = [row for row in _finite(own_rows, metric) if row.system not in CONSTANT]
    own = next(row for row in rows if row.system == "ralm")
    partial = fewer_items(rows)
    alike = [row for row in rows if row.system not in partial]
    tested = _tested(compared.differences, main, metric)
    rivals = [
        Rival(
            row.system,
            row.value,
            tested.get(row.system),
            f"{partial[row.system]} items" if row.system in partial else "",
        )
        for row in rows
        if row.system != "ralm"
    ]
    protocols = in_order({row.protocol for row in compared.rows})
    for protocol in reversed([protocol for protocol in protocols if protocol != main]):
        rivals += _elsewhere(compared.rows, compared.differences, protocol, comparison_title(protocol), data, rivals)
    for protocol in dict.fromkeys((*PROTOCOLS, *(row.protocol for row in data.metrics))):  # new items first
        words = f"on {PROTOCOLS.get(protocol, protocol.replace('_', ' '))}"
        rivals += _elsewhere(data.metrics, data.differences, protocol, words, data, rivals)
    return Standing(
        own,
        _beside(own_rows, data.first_figures, metric),
        comparison_title(main),
        _best_first(rivals),
        compared=True,
        place=1 + sum(row.value > own.value for row in alike),
        systems=len(alike),
    )


def _elsewhere(
    rows: Sequence[MetricRow],
    differences: Sequence[Difference],
    protocol: str,
    words: str,
    data: ReportData,
    known: Sequence[Rival],
) -> list[Rival]:
    """The systems that no protocol before this one has, where RALM was judged as well."""
    found = [row for row in rows if row.protocol == protocol]
    metric = main_metric(found, data.first_figures)
    if metric is None:
        return []
    named = {"ralm", "oracle", *CONSTANT, *(rival.system for rival in known)}
    tested = _tested(differences, protocol, metric)
    there = [row for row in _finite(found, metric) if row.system not in named]
    return [Rival(row.system, row.value, tested.get(row.system), words) for row in there]


def _finite(rows: Sequence[MetricRow], metric: str) -> list[MetricRow]:
    return [row for row in rows if (row.metric, row.segment) == (metric, "all") and math.isfinite(row.value)]


def _beside(rows: Sequence[MetricRow], first: Sequence[str], metric: str) -> list[MetricRow]:
    others = [name for name in first if name != metric]
    return [row for name in others for row in _finite(rows, name) if row.system == "ralm"]


def _tested(differences: Sequence[Difference], protocol: str, metric: str) -> dict[str, Difference]:
    asked = ("ralm", protocol, metric, "all")
    return {d.baseline: d for d in differences if (d.system, d.protocol, d.metric, d.segment) == asked}


def _best_first(rivals: Sequence[Rival]) -> list[Rival]:
    """Those of the main protocol first, each part by its values: values of two protocols are not to be compared."""
    return sorted(rivals, key=lambda rival: (bool(rival.where), -rival.value, rival.system))
