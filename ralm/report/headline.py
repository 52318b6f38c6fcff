"""The report's first sentences, worded from the numbers alone, whichever system wins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ralm.evaluation.metric_names import RECALL, metric_of
from ralm.evaluation.online_test import Change
from ralm.report.data import MetricRow, ReportData
from ralm.report.standing import Rival, Standing, standing
from ralm.report.system_names import name


def headline(data: ReportData) -> str:
    """How RALM stands against every system that was judged, losses first, and against the oracle."""
    found = standing(data)
    if found is None:
        return "RALM was not evaluated in this run."
    sentences = [_compared(found) if found.compared else _own(found), *_against(found.rivals)]
    if found.ahead is not None:
        best = found.ahead.system
        sentences.append(
            f"On this data {name(best)} is the better system: `scoring.system: {best}` lets it make the audiences of a "
            f"night, `extend_audience --system {best}` that of a list."
        )
    if found.oracle is not None:
        sentences.append(_oracle(found.own, found.oracle))
    return " ".join(sentences)


def meaning(data: ReportData) -> str:
    """What the first figure means, in a sentence."""
    first = data.first_figures[0]
    if first.startswith(RECALL):
        share = first[len(RECALL) :].replace("%", " %")
        return (
            "The first figure is the share of an item's later clickers who are in its audience, the best-ranked "
            f"{share} of all users ({share} by chance): the log has no non-clicks, and among sampled ones the most "
            "active users would count against every item."
        )
    return (
        "The item AUC is the chance that, of two users who were shown an item, the one who clicked it is ranked above "
        "the one who did not (0.5 by chance)."
    )


def online_headline(changes: Sequence[Change], policy: str = "lookalike") -> str:
    """What the test says of a policy's click rate, in a sentence; of the first policy if the named one is missing."""
    rates = [change for change in changes if change.metric == "ctr"]
    if not rates:
        return "The arms of the online test showed nothing that could be compared."
    found = next((change for change in rates if change.policy == policy), rates[0])
    span = "" if np.isnan(found.low) else f" [{found.low:+.1%}, {found.high:+.1%}]"
    worlds = "1 built-in world" if found.worlds == 1 else f"{found.worlds} built-in worlds"
    return f"In {worlds} the click rate of '{found.policy}' differs from the control's by {found.value:+.1%}{span}."


def oracle_share(own: MetricRow, oracle: MetricRow) -> float | None:
    """How far from chance to the oracle the system gets, 1 = all the way; None if the metric has no chance level."""
    chance = metric_of(own.metric).chance
    if chance is None or oracle.value <= chance:
        return None
    return (own.value - chance) / (oracle.value - chance)


def _figure(row: MetricRow) -> str:
    """The metric with its value and interval: `an item AUC of 0.781 [0.773, 0.789]`."""
    span = f" [{row.low:.3f}, {row.high:.3f}]" if _known(row.low) and _known(row.high) else ""
    return f"{metric_of(row.metric).named} of {row.value:.3f}{span}"


def _figures(found: Standing) -> str:
    return " and ".join(_figure(row) for row in (found.own, *found.beside))


def _chance(own: MetricRow) -> str:
    chance = metric_of(own.metric).chance
    if chance is None or own.low is None or not own.low <= chance:
        return ""
    return ", which is no better than chance" if own.value <= chance else ", not clearly better than chance"


def _own(found: Standing) -> str:
    return f"On {found.where}, RALM ranks users with {_figures(found)}{_chance(found.own)}."


def _compared(found: Standing) -> str:
    place = f"RALM is number {found.place} of {found.systems}"
    return f"{found.where}: {place} with {_figures(found)}{_chance(found.own)}."


def _against(rivals: Sequence[Rival]) -> list[str]:
    """All rivals, losses first; an unclear difference is called so."""
    groups: dict[str, list[str]] = {"worse": [], "unclear": [], "better": [], "untested": []}
    for rival in rivals:
        groups[rival.outcome].append(rival.text)
    sentences = []
    if groups["worse"]:
        sentences.append(f"RALM loses to {_listed(groups['worse'])}.")
    if groups["unclear"]:
        sentences.append(f"No clear difference to {_listed(groups['unclear'])}.")
    if groups["better"]:
        every = "every other system: " if len(groups["better"]) == len(rivals) > 1 else ""
        sentences.append(f"It is ahead of {every}{_listed(groups['better'])}.")
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
