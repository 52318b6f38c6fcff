"""Users, items, events and impressions from raw logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial

from jobs.steps.sources.known_events import by_day
from jobs.steps.sources.measured_data import measuring
from ralm.errors import ConfigError
from ralm.ingest.read import listing
from ralm.ingest.tables import ingest
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.spark.errors import user_errors
from ralm.warehouse.forgotten import forgotten


def _ingest(step: RunningStep) -> None:
    context = step.context
    gone = forgotten(context.warehouse)
    result = ingest(context.spark, context.given, run_id=step.record.run_id, gone=gone)
    for check in result.checks:
        step.check(check.name, check.passed, check.value, check.detail)
    step.facts |= result.split.facts
    if result.split.said:
        step.say(result.split.said)
    for line in result.told:
        step.say(line)
    try:
        with user_errors("ingest", result.expressions):
            step.replace("users", result.users, "users")
            step.replace("items", result.items, "items")
            step.replace("events", by_day(result.events, "event_date"), "events")
            step.replace("impressions", by_day(result.impressions, "shown_date"), "impressions")
            step.replace("quarantine", result.quarantine, "quarantined")
    finally:
        result.free()


def _files(context: Context) -> str:
    """A hash of the files' names, sizes and times: other files, or dates set or left out, make it run again."""
    assert context.config.ingest is not None
    settings = context.config.ingest
    found = [listing(context.spark, source, context.config.data_root) for source in settings.sources]
    content: list[object] = [*found, "dates are chosen"] if context.config.dates.given is None else [*found]
    if excluded := context.given.privacy.excluded_fields:  # dates are chosen by the events that may be used
        content.append(sorted(excluded))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def steps(context: Context) -> Sequence[Step]:
    """One step for all sources, since bad rows are counted before anything is written; one that measures the data."""
    if context.config.ingest is None:
        raise ConfigError("ingest: the configuration has no `ingest` section; run the job `simulate` for its world")
    fields = ("fields.item_domains", "fields.categorical", "fields.numeric")
    sections = ("ingest", "data_root", *fields, "user_id_type")
    read = Step("ingest", _ingest, sections=sections, extra=partial(_files, context), measured=False)
    return [read, measuring(context)]
