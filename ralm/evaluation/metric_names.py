"""The metrics that systems are compared by: each is registered here once, with all that is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric of an item under a system.

    Attributes:
        name: as in the column `metric`.
        title: of its column in the report.
        meaning: its line in the report's list of terms.
        paired: whether `evaluate` gives RALM's paired differences of it.
        plotted: whether the comparison has a figure of it by number of seeds.
        chance: what a score that knows nothing gets, where that is one number.
    """

    name: str
    title: str
    meaning: str
    paired: bool = False
    plotted: bool = False
    chance: float | None = None

    @property
    def named(self) -> str:
        """The title with its article."""
        return f"{'an' if self.title[0] in 'AEIOUaeiou' else 'a'} {self.title}"


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
            "all_users_auc",
            "AUC, all users",
            "The chance that a later clicker of an item is ranked above any other user, whether or not that user was "
            "shown the item; mean over items. Users who clicked the item at any time are not among the others.",
            paired=True,
            chance=0.5,
        ),
        Metric(
            "auc",
            "AUC",
            "AUC over all impressions together: it also rewards knowing which items are popular.",
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
            "recall@1%",
            "recall top 1 %",
            "Share of an item's later clickers in the best-ranked 1 % of the candidates.",
            chance=0.01,
        ),
        Metric("recall@5%", "recall top 5 %", "The same for the best 5 %.", chance=0.05),
        Metric(
            "shown_prec@5%",
            "prec, top 5 % of the shown",
            "Share of clickers among the best-ranked 5 % of the users whom the item was shown to; mean over items.",
        ),
        Metric(
            "shown_recall@5%",
            "recall, top 5 % of the shown",
            "Share of an item's clickers among the best-ranked 5 % of the users whom it was shown to; mean over items.",
            chance=0.05,
        ),
    )
}
RECALL = "recall@"
SHOWN = tuple(METRICS)
PAIRED = tuple(metric.name for metric in METRICS.values() if metric.paired)
PLOTTED = tuple(metric.name for metric in METRICS.values() if metric.plotted)


def recall_name(share: float) -> str:
    """The recall in the top `share` of the candidates: `recall@5%`, `recall@12.50%`."""
    return f"{RECALL}{share:.2%}".replace(".00%", "%")


def shown_name(what: str, share: float) -> str:
    """A figure in the top `share` of the users whom an item was shown to: `shown_prec@5%`, `shown_recall@5%`."""
    return f"shown_{what}@{share:.2%}".replace(".00%", "%")


def metric_of(name: str) -> Metric:
    """What is said of a metric: as registered, or of the recall in another share; otherwise nothing but its name."""
    if name in METRICS:
        return METRICS[name]
    if name.startswith(RECALL) and name.endswith("%"):
        number = name[len(RECALL) : -1]
        meaning = f"Share of an item's later clickers in the best-ranked {number} % of the candidates."
        return Metric(name, f"recall top {number} %", meaning, chance=float(number) / 100)
    return Metric(name, name, "")


def comparable(names: Iterable[str], first: Sequence[str] = ()) -> list[str]:
    """Those of the names that systems are compared by: the `first` figures, the registered ones, other recalls."""
    found = set(names)
    ordered = dict.fromkeys([*first, *METRICS, *sorted(name for name in found if name.startswith(RECALL))])
    return [name for name in ordered if name in found]
