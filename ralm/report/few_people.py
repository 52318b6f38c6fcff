"""A report without what few people can be recognised by (`privacy.minimum`), in its data as on its page."""

from __future__ import annotations

from dataclasses import replace

from ralm.insight.small_counts import shown
from ralm.report.data import AudienceExample, ReportData, SplitPart
from ralm.report.findings import BestAudience, HistoryCounts, ShownRates


def without_few(data: ReportData) -> ReportData:
    """The same with counts of fewer people than `data.minimum` as 0, and without figures that rest on such counts.

    Metrics stay: each is a mean over items.
    """
    minimum = data.minimum
    if minimum < 2:
        return data
    found = data.found
    return replace(
        data,
        audiences=[_example(one, minimum) for one in data.audiences],
        found=None if found is None else replace(found, best=[_audience(one, minimum) for one in found.best]),
        shown_rates=_rates(data.shown_rates, minimum),
        history=_history(data.history, minimum),
        split=[_part(part, minimum) for part in data.split],
        user_model=[row for row in data.user_model if row.count >= minimum],
    )


def _example(one: AudienceExample, minimum: int) -> AudienceExample:
    users = one.top_users if len(one.top_users) >= minimum else ()
    return replace(one, seeds=shown(one.seeds, minimum), top_users=users)


def _audience(one: BestAudience, minimum: int) -> BestAudience:
    one = replace(one, seeds=shown(one.seeds, minimum))
    if one.found is None or round(one.found * one.clickers) >= minimum:
        return one
    return replace(one, found=None, low=None, high=None, clickers=0)


def _rates(rates: ShownRates | None, minimum: int) -> ShownRates | None:
    return None if rates is None or min(rates.best_clicks, rates.clicks, rates.best) < minimum else rates


def _history(counts: HistoryCounts | None, minimum: int) -> HistoryCounts | None:
    return None if counts is None or min(counts.without, counts.having) < minimum else counts


def _part(part: SplitPart, minimum: int) -> SplitPart:
    """A part with few users has none; one in which few had no history has no share of them."""
    few = part.users < minimum or part.without_history < minimum
    users, without = (0, 0) if few else (part.users, part.without_history)
    return replace(part, labels=shown(part.labels, minimum), users=users, without_history=without)
