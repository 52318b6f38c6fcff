"""The metrics that systems are compared by: each is registered here once, with all that is said of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric of an item under a system.

    Attributes:
        name: as in the column `metric`.
        title: of its column in the report.
        meaning: its line in the report's list of terms.
        terminal: whether the terminal shows it.
        paired: whether `evaluate` gives RALM's paired differences of it.
        plotted: whether the comparison has a figure of it by number of seeds.
        chance: what a score that knows nothing gets, where that is one number.
    """

    name: str
    title: str
    meaning: str
    terminal: bool = True
    paired: bool = False
    plotted: bool = False
    chance: float | None = None


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "item_auc",
            "item AUC",
            "AUC over one item's impressions, averaged over items. A score that is the same for all users gets 0.5, "
            "however popular the items.",
            paired=True,
            plotted=True,
            chance=0.5,
        ),
        Metric(
            "auc",
            "AUC",
            "AUC over all impressions together: it also rewards knowing which items are popular.",
            terminal=False,
            chance=0.5,
        ),
        Metric(
            "prec@10",
            "prec@10",
            "How many of the top 10 of all candidates clicked later, over min(10, later clickers); mean over items.",
            paired=True,
            plotted=True,
        ),
        Metric("prec@50", "prec@50", "The same for the top 50.", paired=True),
        Metric(
            "recall@1%", "recall top 1 %", "Share of an item's later clickers in the best-ranked 1 % of the candidates."
        ),
        Metric("recall@5%", "recall top 5 %", "The same for the best 5 %."),
    )
}
TITLES = {metric.name: metric.title for metric in METRICS.values()}
SHOWN = tuple(metric.name for metric in METRICS.values() if metric.terminal)
PAIRED = tuple(metric.name for metric in METRICS.values() if metric.paired)
PLOTTED = tuple(metric.name for metric in METRICS.values() if metric.plotted)
CHANCE = {metric.name: metric.chance for metric in METRICS.values() if metric.chance is not None}
