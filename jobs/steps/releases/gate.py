"""Whether a release may be promoted: ahead of user activity and of chance, and not behind the current release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ralm.config import Config
from ralm.config.names import SYSTEM
from ralm.evaluation.first_figure import AMONG_SHOWN, first_figures
from ralm.evaluation.metric_names import metric_of
from ralm.report.data import MetricRow

GATED = {"new_items": "new items", "later_clicks": "known items"}
ACTIVITY = "user_activity"


def figures(rows: Sequence[MetricRow], system: str = SYSTEM) -> dict[str, float]:
    """What a release records of its system's figures: `new_items/item_auc` -> value."""
    return {f"{row.protocol}/{row.metric}": row.value for row in rows if row.system == system}


def not_judged(rows: Sequence[MetricRow], config: Config, system: str = SYSTEM) -> str | None:
    """Why `publish.require` cannot be asked of these figures; None if it can."""
    if _asked(rows, config, system) is not None:
        return None
    if not config.evaluation.judge:
        return "not judged: the evaluation is off"
    counts = {row.protocol: row.items or 0 for row in _of(rows, system, first_figures(config)[0])}
    judged = ", ".join(f"{counts.get(protocol, 0)} {words}" for protocol, words in GATED.items())
    return f"not judged: too few items ({judged}; publish.min_items = {config.publish.min_items})"


def not_ahead(rows: Sequence[MetricRow], config: Config, system: str = SYSTEM) -> str | None:
    """What the figures are not ahead of, on new items if they are enough, otherwise on later clicks; None: of nothing.

    Args:
        rows: the first figures of the system and of user activity, and their paired differences, if there are any
            (`ralm - user_activity`).
        config: with `publish`.
        system: the one that is released.
    """
    protocol = _asked(rows, config, system)
    if protocol is None or config.publish.require == "none":
        return None
    there = [row for row in rows if row.protocol == protocol]
    first = first_figures(config)
    failed = []
    if ACTIVITY in config.publish.require:
        own, other = _of(there, system, first[0]), _of(there, ACTIVITY, first[0])
        paired = _of(there, f"{system} - {ACTIVITY}", first[0])
        if own and other and (paired[0].value if paired else own[0].value - other[0].value) <= 0:
            span = f" (difference {_span(paired[0])})" if paired else ""
            failed.append(f"{first[0]} {own[0].value:.3f}, user activity has {other[0].value:.3f}{span}")
    if "chance" in config.publish.require:
        for metric in first:
            chance = metric_of(metric).chance
            failed += [
                f"{metric} {row.value:.3f}, chance is {chance:g}"
                for row in _of(there, system, metric)
                if chance is not None and row.value <= chance
            ]
    if not failed:
        return None
    items = _of(there, system, first[0])[0].items
    return f"on {items} {GATED[protocol]} it is not ahead: {'; '.join(failed)}"


def behind_current(
    rows: Sequence[MetricRow], before: Mapping[str, float], config: Config, system: str = SYSTEM
) -> str | None:
    """Where the first figure is more than `evaluation.gate` below the current release's; None: nowhere."""
    metric, now = first_figures(config)[0], figures(rows, system)
    for protocol in GATED:
        # A release of before `publish.require` recorded the item AUC under the protocol's name.
        had = before.get(f"{protocol}/{metric}", before.get(protocol) if metric == AMONG_SHOWN else None)
        has = now.get(f"{protocol}/{metric}")
        if had is not None and has is not None and has < had - config.evaluation.gate:
            return f"{metric} ({protocol}) {has:.3f}, the current release has {had:.3f}"
    return None


def _asked(rows: Sequence[MetricRow], config: Config, system: str) -> str | None:
    """The protocol that is asked: the first with enough items."""
    own = _of(rows, system, first_figures(config)[0])
    enough = {row.protocol for row in own if (row.items or 0) >= config.publish.min_items}
    return next((protocol for protocol in GATED if protocol in enough), None)


def _of(rows: Sequence[MetricRow], system: str, metric: str) -> list[MetricRow]:
    return [row for row in rows if (row.system, row.metric) == (system, metric)]


def _span(row: MetricRow) -> str:
    if row.low is None or row.high is None:
        return f"{row.value:+.3f}"
    return f"{row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
