"""The report's first sentences, worded from the numbers alone, whichever system wins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ralm.evaluation.metric_names import CHANCE, TITLES
from ralm.evaluation.online_test import Change
from ralm.report.data import Difference, MetricRow, ReportData
from ralm.report.system_names import name

PROTOCOLS = {"new_items": "new items", "later_clicks": "known items with later clicks"}


def headline(data: ReportData, system: str = "ralm", metric: str = "item_auc") -> str:
    """How the system did on new items (else the first protocol that has it), against each baseline and the oracle."""
    rows = [row for row in data.metrics if row.metric == metric and row.segment == "all"]
    protocol = main_protocol(data, system, metric)
    if protocol is None:
        return f"{name(system)} was not evaluated in this run."
    rows = [row for row in rows if row.protocol == protocol]
    own = next(row for row in rows if row.system == system)
    tested = {
        d.baseline: d
        for d in data.differences
        if (d.system, d.protocol, d.metric, d.segment) == (system, protocol, metric, "all") and d.baseline != "oracle"
    }
    others = [row for row in rows if row.system not in (system, "oracle")]
    sentences = [_own(own, protocol), *_against(own, others, tested)]
    oracle = next((row for row in rows if row.system == "oracle"), None)
    if oracle is not None:
        sentences.append(_oracle(own, oracle))
    return " ".join(sentences)


def online_headline(changes: Sequence[Change], policy: str = "lookalike") -> str:
    """What the test says of a policy's click rate, in a sentence; of the first policy if the named one is missing."""
    rates = [change for change in changes if change.metric == "ctr"]
    if not rates:
        return "The arms of the online test showed nothing that could be compared."
    found = next((change for change in rates if change.policy == policy), rates[0])
    span = "" if np.isnan(found.low) else f" [{found.low:+.1%}, {found.high:+.1%}]"
    worlds = "1 built-in world" if found.worlds == 1 else f"{found.worlds} built-in worlds"
    return f"In {worlds} the click rate of '{found.policy}' differs from the control's by {found.value:+.1%}{span}."


def main_protocol(data: ReportData, system: str = "ralm", metric: str = "item_auc") -> str | None:
    """The protocol that the headline is about."""
    found = [
        row.protocol
        for row in data.metrics
        if row.system == system and row.metric == metric and row.segment == "all" and math.isfinite(row.value)
    ]
    return next((p for p in PROTOCOLS if p in found), found[0] if found else None)


def oracle_share(own: MetricRow, oracle: MetricRow) -> float | None:
    """How far from chance to the oracle the system gets, 1 = all the way; None if the metric has no chance level."""
    chance = CHANCE.get(own.metric)
    if chance is None or oracle.value <= chance:
        return None
    return (own.value - chance) / (oracle.value - chance)


def _own(own: MetricRow, protocol: str) -> str:
    where = PROTOCOLS.get(protocol, protocol.replace("_", " "))
    count = f"{own.items:,} {where}" if own.items else where
    span = f" [{own.low:.3f}, {own.high:.3f}]" if _known(own.low) and _known(own.high) else ""
    label = TITLES.get(own.metric, own.metric)
    text = f"On {count}, {name(own.system)} ranks users with an {label} of {own.value:.3f}{span}"
    chance = CHANCE.get(own.metric)
    if chance is not None and own.low is not None and own.low <= chance:
        text += ", which is no better than chance" if own.value <= chance else ", not clearly better than chance"
    return text + "."


def _against(own: MetricRow, others: Sequence[MetricRow], tested: dict[str, Difference]) -> list[str]:
    groups: dict[str, list[str]] = {"better": [], "unclear": [], "worse": [], "untested": []}
    for row in sorted(others, key=lambda row: -row.value):
        outcome = tested[row.system].outcome if row.system in tested else "untested"
        groups[outcome].append(f"{name(row.system)} ({row.value:.3f})")
    it = name(own.system)
    sentences = []
    if groups["worse"]:
        sentences.append(f"{it} loses to {_listed(groups['worse'])}.")
    if groups["better"]:
        every = "every other system: " if len(groups["better"]) == len(others) > 1 else ""
        sentences.append(f"It is ahead of {every}{_listed(groups['better'])}.")
    if groups["unclear"]:
        sentences.append(f"No clear difference from {_listed(groups['unclear'])}.")
    if groups["untested"]:
        sentences.append(f"Not tested item by item against {_listed(groups['untested'])}.")
    return sentences


def _oracle(own: MetricRow, oracle: MetricRow) -> str:
    text = f"The oracle, which knows the true click probabilities, reaches {oracle.value:.3f}"
    share = oracle_share(own, oracle)
    return text + (
        f": {name(own.system)} covers {100 * share:.0f} % of the way from chance to it." if share is not None else "."
    )


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
