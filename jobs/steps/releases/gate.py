"""Whether a release may be promoted: ahead of user activity and of chance, and not behind the current release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ralm.config import Config
from ralm.config.names import SYSTEM
from ralm.evaluation.first_figure import AMONG_SHOWN, first_figures
from ralm.evaluation.metric_names import metric_of
from ralm.report.data import MetricRow

GATED = {"new_items": "new items", "later_clicks": "known items"}
ACTIVITY = "user_activity"


@dataclass(frozen=True)
class Gate:
    """What a release is asked.

    Attributes:
        rows: the first figures of the system and of user activity, and their paired differences, if there are any
            (`ralm - user_activity`).
        config: with `publish` and `evaluation`.
        system: the one that is released.
    """

    rows: Sequence[MetricRow]
    config: Config
    system: str = SYSTEM

    @property
    def figures(self) -> dict[str, float]:
        """What a release records of its system's figures: `new_items/item_auc` -> value."""
        return {f"{row.protocol}/{row.metric}": row.value for row in self.rows if row.system == self.system}

    def not_judged(self) -> str | None:
        """Why `publish.require` cannot be asked of these figures; None if it can."""
        if self._asked() is not None:
            return None
        if not self.config.evaluation.judge:
            return "not judged: the evaluation is off"
        counts = {row.protocol: row.items or 0 for row in self._of(self.system, first_figures(self.config)[0])}
        judged = ", ".join(f"{counts.get(protocol, 0)} {words}" for protocol, words in GATED.items())
        return f"not judged: too few items ({judged}; publish.min_items = {self.config.publish.min_items})"

    def not_ahead(self) -> str | None:
        """What the figures are not ahead of, on new items if they are enough, else on later clicks; None: nothing."""
        protocol, required = self._asked(), self.config.publish.require
        if protocol is None or required == "none":
            return None
        first = first_figures(self.config)
        own = self._of(self.system, first[0], protocol)
        failed = []
        if ACTIVITY in required:
            other = self._of(ACTIVITY, first[0], protocol)
            paired = self._of(f"{self.system} - {ACTIVITY}", first[0], protocol)
            if own and other and (paired[0].value if paired else own[0].value - other[0].value) <= 0:
                span = f" (difference {_span(paired[0])})" if paired else ""
                failed.append(f"{first[0]} {own[0].value:.3f}, user activity has {other[0].value:.3f}{span}")
        if "chance" in required:
            for metric in first:
                chance = metric_of(metric).chance
                failed += [
                    f"{metric} {row.value:.3f}, chance is {chance:g}"
                    for row in self._of(self.system, metric, protocol)
                    if chance is not None and row.value <= chance
                ]
        return f"on {own[0].items} {GATED[protocol]} it is not ahead: {'; '.join(failed)}" if failed else None

    def behind(self, before: Mapping[str, float]) -> str | None:
        """Where the first figure is more than `evaluation.gate` below an earlier release's; None: nowhere.

        Args:
            before: the `figures` of the earlier release.
        """
        metric, now = first_figures(self.config)[0], self.figures
        for protocol in GATED:
            # A release of before `publish.require` recorded the item AUC under the protocol's name.
            had = before.get(f"{protocol}/{metric}", before.get(protocol) if metric == AMONG_SHOWN else None)
            has = now.get(f"{protocol}/{metric}")
            if had is not None and has is not None and has < had - self.config.evaluation.gate:
                return f"{metric} ({protocol}) {has:.3f}, the current release has {had:.3f}"
        return None

    def _asked(self) -> str | None:
        """The protocol that is asked: the first with enough items."""
        own = self._of(self.system, first_figures(self.config)[0])
        enough = {row.protocol for row in own if (row.items or 0) >= self.config.publish.min_items}
        return next((protocol for protocol in GATED if protocol in enough), None)

    def _of(self, system: str, metric: str, protocol: str | None = None) -> list[MetricRow]:
        found = [row for row in self.rows if (row.system, row.metric) == (system, metric)]
        return [row for row in found if protocol in (None, row.protocol)]


def _span(row: MetricRow) -> str:
    if row.low is None or row.high is None:
        return f"{row.value:+.3f}"
    return f"{row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
