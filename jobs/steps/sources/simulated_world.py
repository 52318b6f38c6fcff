"""Users, items, events and impressions of the built-in world."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.steps.sources.known_events import by_day
from jobs.steps.sources.measured_data import measuring
from ralm.errors import ConfigError
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.simulation import world
from ralm.warehouse.forgotten import without_forgotten


def _simulate(step: RunningStep) -> None:
    config = step.context.config
    assert config.simulate is not None
    spark, cfg, seed, ids = step.context.spark, config.simulate, config.seed, config.user_id_type
    known = partial(without_forgotten, step.context.warehouse)
    step.replace("users", known(world.users(spark, cfg, seed, ids)).withColumn("as_of", F.lit("1970-01-01")), "users")
    step.replace("items", world.items(spark, cfg, seed), "items")
    events = known(world.events(spark, cfg, seed, ids)).withColumn("event_date", F.to_date("event_time"))
    step.replace("events", by_day(events, "event_date"), "events")
    impressions = known(world.impressions(spark, cfg, seed, ids)).withColumn("shown_date", F.to_date("shown_at"))
    step.replace("impressions", by_day(impressions, "shown_date"), "impressions")


def steps(context: Context) -> Sequence[Step]:
    """One step, so that the four tables are of the same world; one that measures them."""
    if context.config.simulate is None:
        raise ConfigError("simulate: the configuration has no `simulate` section; run the job `ingest` for raw logs")
    made = Step("simulate", _simulate, sections=("simulate", "user_id_type"), measured=False)
    return [made, measuring(context)]
