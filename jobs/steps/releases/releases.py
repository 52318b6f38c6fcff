"""The table `releases`: which versions of the tables and models are read together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import lookalike_version
from jobs.steps.releases.gate import ACTIVITY, GATED, Gate
from jobs.steps.releases.unmixed import require_no_round
from jobs.steps.systems.production import production_system
from jobs.steps.user_model.user_embeddings import model_version
from ralm.config.kept import kept_configuration
from ralm.config.names import SYSTEM
from ralm.errors import DataError
from ralm.evaluation.first_figure import first_figures
from ralm.report.data import MetricRow
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.once import replace as replace_rows
from ralm.warehouse.releases import Release, releases

SCHEMA = (
    "release_id string, created_at timestamp, as_of date, tables map<string,bigint>, models map<string,string>, "
    "metrics map<string,double>, current boolean, note string, configuration string"
)


def make_current(step: RunningStep, release: Release, keep: int | None = None) -> None:
    """Write a release as the current one, in one commit; nothing if an earlier try of the step has done so.

    Args:
        step: the running step.
        release: becomes the current one.
        keep: how many earlier releases of the same models stay listed, newest first; None: all.

    Raises:
        RalmError: another application has published since the list of releases was read. Nothing is written.
    """
    warehouse = step.context.warehouse
    warehouse.create("releases")
    since = warehouse.version("releases")
    listed = releases(warehouse, since)
    if step.resumed and any(one.current and one.release_id == release.release_id for one in listed):
        step.outputs["releases"] = since
        step.say(f"release {release.release_id} is current: published by an earlier try of this run")
        return
    earlier = [one for one in listed if one.release_id != release.release_id]
    if keep is not None:
        alike = sorted((one for one in earlier if one.same_models(release)), key=lambda one: one.created_at)
        dropped = {one.release_id for one in alike[:-keep]}
        earlier = [one for one in earlier if one.release_id not in dropped]
    listed = [replace(one, current=one is release) for one in (*earlier, release)]
    step.rewrite("releases", _frame(step.context, listed), since, "releases")
    step.say(f"release {release.release_id} is current" + (f" ({release.note})" if release.note else ""))


def write_releases(context: Context, listed: Sequence[Release], app_id: str, since: int) -> None:
    """Write all releases outside of a step.

    Raises:
        RalmError: another application has published since the version that they were read at. Nothing is written.
    """
    frame = _frame(context, listed)
    replace_rows(context.warehouse, "releases", frame, {}, app_id=app_id, attempt=since, run_id=app_id, since=since)


def _frame(context: Context, listed: Sequence[Release]) -> DataFrame:
    return context.spark.createDataFrame([tuple(vars(one).values()) for one in listed], SCHEMA).coalesce(1)


PUBLISHED = ("audiences", "recommendations", "thresholds", "target_embeddings", "seed_clusters", "metrics")
ADVICE = (
    "see which system the report shows ahead, check what counts as a click and how many users have a history, or let "
    "this release pass with --set publish.require=none"
)


def first_rows(step: RunningStep, name: str) -> list[MetricRow]:
    """The first figures of a system and of user activity on all users, and their paired differences."""
    rows = step.read("metrics").where(
        (F.col("as_of") == F.lit(step.context.dates.a2))
        & F.col("system").isin(name, ACTIVITY, f"{name} - {ACTIVITY}")
        & F.col("protocol").isin(list(GATED))
        & F.col("metric").isin(list(first_figures(step.context.config)))
        & (F.col("split") == "test")
    )
    columns = ("system", "protocol", "metric", "value", "low", "high", "items")
    return [MetricRow(**row.asDict()) for row in rows.select(*columns).collect()]


def _publish(step: RunningStep) -> None:
    context, config = step.context, step.context.config
    name = production_system(context).name
    gate = Gate(first_rows(step, name), config, name)
    current = next((release for release in releases(context.warehouse) if release.current), None)
    stays = "no release is current" if current is None else f"release {current.release_id} stays current"
    if refused := gate.not_ahead():
        raise DataError(f"release: {refused}; {stays}; {ADVICE}")
    if current is not None and (refused := gate.behind(current.metrics)):
        raise DataError(
            f"release: {refused}; it stays current ({current.release_id}; evaluation.gate = {config.evaluation.gate})"
        )
    if note := gate.not_judged():
        step.say(f"warning: {note}")
    assert step.as_of is not None
    scored = context.require("score_users", "a3").outputs
    require_no_round(context, step.as_of, scored, step.record.inputs)
    models = {
        "user_model": model_version(context, context.config.released.merge),
        "lookalike": lookalike_version(context, SYSTEM),
    }
    created_at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    tables = {name: step.record.inputs[name] for name in PUBLISHED}
    release = f"{step.as_of}-{step.version}"
    settings = kept_configuration(config, name, vars(context.dates))
    made = Release(release, created_at, step.as_of, tables, models, gate.figures, note=note, configuration=settings)
    make_current(step, made)


def steps(context: Context) -> Sequence[Step]:
    """One step, written last."""
    return [
        Step(
            "publish",
            _publish,
            ("evaluation", "publish", *context.config.privacy.sections),
            as_of="a3",
            after=(("score_users", "a3"), ("evaluate", "a2")),
            inputs=PUBLISHED,
        )
    ]
