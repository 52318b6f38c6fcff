"""Events that models may know of, and how events are laid out by day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.features.holdout import without_domains, without_new_items
from ralm.runs.context import Context
from ralm.runs.step import RunningStep


def source(context: Context) -> tuple[str, None]:
    """The step that makes users, items, events and impressions."""
    return ("simulate" if context.config.simulate else "ingest", None)


def known_events(step: RunningStep) -> DataFrame:
    """Events without those on held-out items and those of excluded domains."""
    config = step.context.config
    events = without_domains(step.read("events"), config.privacy.excluded_fields)
    return without_new_items(events, config.fields.item_domains, config.evaluation.new_item_share, config.seed)


def by_day(frame: DataFrame, day: str) -> DataFrame:
    """Few files per day's partition; adaptive execution splits a day that is far larger than the others."""
    return frame.hint("rebalance", F.col(day))
