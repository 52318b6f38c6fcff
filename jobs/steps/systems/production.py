"""Which system scores the audiences of production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.steps.systems.registry import system
from ralm.config import Config
from ralm.config.names import SYSTEM
from ralm.errors import ConfigError
from ralm.evaluation.first_figure import AMONG_SHOWN, first_figures
from ralm.runs.context import Context

AUTO = "auto"
# Whose figures decide, the first that was judged; on new items the item AUC is against all users.
PROTOCOLS = ("new_items@half", "later_clicks@all")


@dataclass(frozen=True)
class Chosen:
    """The system of production, and why.

    Attributes:
        name: of the system.
        why: a sentence; empty where the configuration names it.
    """

    name: str
    why: str = ""


def production_system(context: Context) -> Chosen:
    """`scoring.system`; with `auto` the best on validation items, RALM unless it is clearly behind.

    `auto` is decided once per application: what a night plans with is what it scores with.

    Raises:
        ConfigError: there is no such system, or it cannot score new items.
    """
    config = context.config
    if config.scoring.system != AUTO:
        return Chosen(_known(config, config.scoring.system))
    return context.once(_found)


def _found(context: Context) -> Chosen:
    config = context.config
    if not context.warehouse.exists("metrics"):
        return Chosen(SYSTEM, _NOTHING)
    figures = context.warehouse.read("metrics").where(
        (F.col("split") == "validation") & F.col("protocol").isin(*PROTOCOLS)
    )
    rows = figures.where(F.col("metric").isin(*first_figures(config), AMONG_SHOWN)).collect()
    for protocol in PROTOCOLS:
        dates = [row["as_of"] for row in rows if row["protocol"] == protocol]
        newest = [row for row in rows if row["protocol"] == protocol and row["as_of"] == max(dates)]
        there = {row["metric"] for row in newest}
        metric = next((one for one in (*first_figures(config), AMONG_SHOWN) if one in there), None)
        if metric is not None:
            return _best(config, protocol, metric, {row["system"]: row for row in newest if row["metric"] == metric})
    return Chosen(SYSTEM, _NOTHING)


def require_ralm(context: Context, job: str) -> None:
    """Refuse a job that works on RALM's clusters and embeddings where another system scores.

    Raises:
        ConfigError: another system scores the audiences.
    """
    name = production_system(context).name
    if name != SYSTEM:
        raise ConfigError(
            f"{job}: it scores by RALM's clusters, and scoring.system is {name}; run job 'pipeline' instead, or "
            f"set scoring.system: {SYSTEM}"
        )


_NOTHING = "nothing was compared on validation items; run job 'compare' with --set comparison.split=validation"


def _best(config: Config, protocol: str, metric: str, rows: Mapping[str, Row]) -> Chosen:
    """The system with the highest figure among those that RALM is clearly behind, or RALM."""
    ahead = {}
    for name, row in rows.items():
        paired = rows.get(f"{SYSTEM} - {name}")
        if paired is not None and paired["high"] is not None and paired["high"] < 0:
            ahead[name] = row["value"]
    usable = {name: value for name, value in ahead.items() if _usable(config, name)}
    if not usable:
        return Chosen(SYSTEM, f"no system is clearly ahead of it in {metric} on validation items ({protocol})")
    best = max(usable, key=lambda name: usable[name])
    behind = f"{SYSTEM} has {rows[SYSTEM]['value']:.3f}" if SYSTEM in rows else f"clearly more than {SYSTEM}"
    return Chosen(best, f"{metric} {usable[best]:.3f} on validation items ({protocol}), {behind}")


def _usable(config: Config, name: str) -> bool:
    try:
        return bool(_known(config, name))
    except ConfigError:
        return False


def _known(config: Config, name: str) -> str:
    if not system(config, name, "scoring.system").new_items:
        raise ConfigError(f"scoring.system {name}: it cannot score new items; choose another")
    return name
