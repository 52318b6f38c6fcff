"""The report's first screen in sentences for whoever uses the audiences: can they be trusted, and what is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import binom

from ralm.evaluation.metric_names import RECALL, metric_of
from ralm.report.data import MetricRow, ReportData
from ralm.report.findings import HealthCheck
from ralm.report.standing import PROTOCOLS, main_protocol, standing
from ralm.report.system_names import CONSTANT, name

Kind = Literal["yes", "with care", "no", "not judged"]
TITLES: dict[Kind, str] = {
    "yes": "Can be trusted",
    "with care": "Use with care",
    "no": "Do not use",
    "not judged": "Not judged",
}
# Judged on fewer items, a mean says little; and a share of users or items that is worth a warning.
FEW_ITEMS, LARGE_SHARE = 20, 0.5
WHERE = {
    "new_items": "items that nothing was trained on",
    "later_clicks": "known items, by clicks after the end of all training",
}


@dataclass(frozen=True)
class Trust:
    """Whether to use the audiences: the kind of answer, and why in sentences."""

    kind: Kind
    says: str

    @property
    def title(self) -> str:
        """The answer, for a chip."""
        return TITLES[self.kind]


def trust(data: ReportData) -> Trust:
    """Whether the audiences of the system of production can be used."""
    own = production_row(data)
    if own is None:
        return Trust("not judged", "Nothing was measured that would say how good these audiences are.")
    said = f"{name(data.production)}: {in_words(own)} {_judged_on(own)}"
    if _no_better_than_chance(own):
        return Trust("no", f"These audiences are not clearly better than people picked at random. {said}")
    better = better_system(data)
    if better is not None:
        return Trust(
            "with care",
            f"Better than people picked at random, but on this data {name(better)} is the better system. {said}",
        )
    if (own.items or 0) < FEW_ITEMS:
        return Trust("with care", f"Better than people picked at random, as far as so few items can tell. {said}")
    return Trust("yes", f"These audiences are clearly better than people picked at random. {said}")


def production_row(data: ReportData) -> MetricRow | None:
    """The first figure of the system of production; None: it was not judged."""
    found = standing(data)
    if data.production == "ralm":
        return None if found is None else found.own
    protocol = main_protocol(data)
    rows = [row for row in data.metrics if (row.system, row.protocol) == (data.production, protocol)]
    for metric in (*data.first_figures, "item_auc"):
        for row in rows:
            if (row.metric, row.segment) == (metric, "all") and math.isfinite(row.value):
                return row
    return None


def better_system(data: ReportData) -> str | None:
    """A system that is clearly better than that of production, item by item; None: there is none, or it is unknown."""
    found, own = standing(data), production_row(data)
    if data.production == "ralm":
        return found.ahead.system if found is not None and found.ahead is not None else None
    if own is None:
        return None
    asked = ("ralm", data.production, own.protocol, own.metric, "all")
    same = [d for d in data.differences if (d.system, d.baseline, d.protocol, d.metric, d.segment) == asked]
    return "ralm" if any(d.outcome == "better" for d in same) else None


def in_words(row: MetricRow) -> str:
    """What a first figure means, counted in people."""
    value = per_hundred(row.value)
    span = ""
    if row.low is not None and row.high is not None and math.isfinite(row.low) and math.isfinite(row.high):
        span = f" (95 % interval {per_hundred(row.low)} to {per_hundred(row.high)})"
    if row.metric == "item_auc":
        return (
            "of two users who were shown an item, one of whom clicked it, it ranks the one who clicked higher in "
            f"{value} of 100 cases{span}; by chance it would be 50."
        )
    if row.metric == "all_users_auc":
        return (
            f"someone who clicked an item later is ranked above any other user in {value} of 100 cases{span}; by "
            "chance it would be 50."
        )
    if row.metric.startswith(RECALL):
        share = row.metric[len(RECALL) :].replace("%", " %")
        chance = per_hundred(metric_of(row.metric).chance or 0.0)
        return (
            f"of 100 people who clicked an item later, {value} are among the {share} of all users whom it ranks "
            f"best{span}; by chance it would be {chance}."
        )
    return f"{metric_of(row.metric).title} of {row.value:.3f}."


def customers(data: ReportData) -> list[str]:
    """What the figures mean in customers, from measured figures alone."""
    said = []
    rates, system = data.shown_rates, name(data.production)
    if rates is not None and rates.people and rates.best:
        tenth = "tenth" if abs(rates.share - 0.1) < 1e-9 else f"{100 * rates.share:g} %"
        what = {"new_items": "a new item", "later_clicks": "a known item"}.get(rates.protocol, "an item")
        said.append(
            f"Of 100 people who were shown {what}, {per_hundred(rates.best_clicks / rates.best)} clicked it among "
            f"those whom {system} ranks in the best {tenth}, and {per_hundred(rates.clicks / rates.people)} among "
            f"people picked at random from all who were shown it ({rates.items:,} items, {rates.people:,} people "
            "shown)."
        )
    first = production_row(data)
    if first is not None and not first.metric.startswith(RECALL):
        recalls = _recalls(data, first.protocol)
        if recalls:
            words = in_words(recalls[-1])
            said.append(words[:1].upper() + words[1:])
    return said


def lift_of_production(data: ReportData) -> tuple[float, float] | None:
    """(lift, share): how many times as many later clickers as by chance are in the best share; None: not measured."""
    first = production_row(data)
    if first is None:
        return None
    recalls = _recalls(data, first.protocol)
    share = (metric_of(recalls[-1].metric).chance or 0.0) if recalls else 0.0
    return (recalls[-1].value / share, share) if share else None


def problems(data: ReportData) -> list[str]:
    """What is wrong or missing, in sentences, the worst first; empty: none of what is looked at."""
    own = production_row(data)
    said = []
    if own is not None and _no_better_than_chance(own):
        said.append("The audiences are not clearly better than chance.")
    said += _losses(data)
    if own is not None and (own.items or 0) < FEW_ITEMS:
        said.append(f"Only {own.items or 0:,} items could be judged: the figures may be far off.")
    said += _thresholds(data)
    said += [
        f"A check of this run did not pass: {check.name.replace('_', ' ')}, {check.detail}." for check in _wrong(data)
    ]
    said += _thin_data(data)
    uneven = {row.source: row.gini for row in data.exposure}
    if "logged" in uneven and "recommended" in uneven and uneven["recommended"] > uneven["logged"]:
        said.append(
            "The recommendations give more of the exposure to few items than the log did (Gini "
            f"{uneven['recommended']:.2f} against {uneven['logged']:.2f}; 0 is even, 1 is everything on one item)."
        )
    return [*said, *data.notes]


def looked_at(data: ReportData) -> str:
    """What `problems` could look at, for a page on which it has found nothing."""
    parts = []
    if data.differences or data.compared is not None:
        parts.append("comparison with other systems")
    if production_row(data) is not None:
        parts.append("number of judged items")
    if data.realised is not None:
        parts.append("exposure thresholds")
    if data.split:
        parts.append("users without a history and items without seeds")
    if data.health:
        parts.append("checks of the run")
    if data.exposure:
        parts.append("evenness of the exposure")
    return ", ".join(parts)


def per_hundred(share: float) -> str:
    """A share as people out of a hundred: `33`, `4.5`."""
    value = 100 * share
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


def _recalls(data: ReportData, protocol: str) -> list[MetricRow]:
    """The recalls of the system of production, by rising shares of the users."""
    every = [*data.metrics, *(data.compared.rows if data.compared is not None else ())]
    asked = (data.production, protocol, "all")
    found = [row for row in every if (row.system, row.protocol, row.segment) == asked and math.isfinite(row.value)]
    recalls = [row for row in found if row.metric.startswith(RECALL)]
    return sorted(recalls, key=lambda row: metric_of(row.metric).chance or 0.0)


def _judged_on(row: MetricRow) -> str:
    count = f"{row.items:,} " if row.items else ""
    where = WHERE.get(
        row.protocol.partition("@")[0], PROTOCOLS.get(row.protocol, "items in the comparison of all systems")
    )
    return f"Measured on {count}{where}."


def _no_better_than_chance(row: MetricRow) -> bool:
    chance = metric_of(row.metric).chance
    low = row.low if row.low is not None and math.isfinite(row.low) else None
    return chance is not None and (row.value <= chance or (low is not None and low <= chance))


def _losses(data: ReportData) -> list[str]:
    """Every paired comparison that RALM clearly loses, a sentence per system."""
    every = [*data.differences, *(data.compared.differences if data.compared is not None else ())]
    lost: dict[str, list[str]] = {}
    for d in every:
        if d.system == "ralm" and d.outcome == "worse" and d.baseline not in (*CONSTANT, data.production):
            where = PROTOCOLS.get(d.protocol, d.protocol.replace("_", " ").replace("@", ", "))
            segment = {"all": "", "weak": ", users without history", "tail": ", long-tail items"}
            lost.setdefault(d.baseline, []).append(
                f"{metric_of(d.metric).title} on {where}{segment.get(d.segment, ', ' + d.segment)}"
            )
    said = []
    for system, places in lost.items():
        more = "" if len(places) <= 3 else f" and {len(places) - 3} more"
        said.append(f"RALM is clearly behind {name(system)} in {'; '.join(places[:3])}{more}.")
    return said


def _thresholds(data: ReportData) -> Sequence[str]:
    if data.realised is None:
        return ()
    count, kept = len(data.realised.shares), data.realised.kept
    if binom.cdf(kept, count, 0.95) >= 0.025:
        return ()
    return (
        f"The exposure thresholds of {count - kept:,} of {count:,} items let clearly more or fewer users through than "
        f"the {100 * data.realised.asked:g} % asked for; chance alone would give {0.05 * count:.0f}.",
    )


def _named(check: HealthCheck) -> str:
    return check.name.replace("_", " ")


def _wrong(data: ReportData) -> list[HealthCheck]:
    return [check for check in data.health if check.severity is not None and not check.passed]


def _thin_data(data: ReportData) -> list[str]:
    said = []
    for part in data.split:
        if part.users and part.without_history / part.users > LARGE_SHARE:
            said.append(
                f"{100 * part.without_history / part.users:.0f} % of the users in the part of the log for the "
                f"{part.what} had done nothing before it: there is little to tell them by."
            )
        if part.items and part.too_young / part.items > LARGE_SHARE:
            said.append(
                f"{100 * part.too_young / part.items:.0f} % of the items in the part of the log for the {part.what} "
                "had no seeds before it."
            )
    return said
