"""The table `releases`: which versions of the tables and models are read together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import lookalike_version
from jobs.steps.user_model.user_embeddings import model_version
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.releases import Release, releases

SCHEMA = (
    "release_id string, created_at timestamp, as_of date, tables map<string,bigint>, models map<string,string>, "
    "metrics map<string,double>, current boolean"
)


def make_current(step: RunningStep, release: Release, keep: int | None = None) -> None:
    """Write a release as the current one, in one commit.

    Args:
        step: the running step.
        release: becomes the current one.
        keep: how many earlier releases of the same models stay listed, newest first; None: all.
    """
    earlier = [one for one in releases(step.context.warehouse) if one.release_id != release.release_id]
    if keep is not None:
        alike = sorted((one for one in earlier if one.same_models(release)), key=lambda one: one.created_at)
        dropped = {one.release_id for one in alike[:-keep]}
        earlier = [one for one in earlier if one.release_id not in dropped]
    rows = [tuple({**vars(one), "current": one is release}.values()) for one in (*earlier, release)]
    step.replace("releases", step.context.spark.createDataFrame(rows, SCHEMA).coalesce(1), "releases")
    step.say(f"release {release.release_id} is current")


PUBLISHED = ("audiences", "recommendations", "thresholds", "target_embeddings", "seed_clusters", "metrics")
GATED = ("new_items", "later_clicks")


def release_metrics(step: RunningStep) -> dict[str, float]:
    """The released system's item_auc per protocol."""
    rows = step.read("metrics").where(
        (F.col("as_of") == F.lit(step.context.dates.a2))
        & (F.col("system") == "ralm")
        & (F.col("metric") == "item_auc")
        & (F.col("split") == "test")
    )
    return {row["protocol"]: row["value"] for row in rows.collect()}


def _publish(step: RunningStep) -> None:
    context = step.context
    metrics = release_metrics(step)
    current = next((release for release in releases(context.warehouse) if release.current), None)
    if current is not None:
        for protocol in GATED:
            before, now = current.metrics.get(protocol), metrics.get(protocol)
            if before is not None and (now is None or now < before - context.config.evaluation.gate):
                raise DataError(
                    f"release: item_auc ({protocol}) {'is missing' if now is None else f'{now:.3f}'}, the current "
                    f"release {current.release_id} has {before:.3f}; it stays current (evaluation.gate = "
                    f"{context.config.evaluation.gate})"
                )
    assert step.as_of is not None
    models = {
        "user_model": model_version(context, context.config.variants["ralm"].merge),
        "lookalike": lookalike_version(context, "ralm"),
    }
    created_at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    tables = {name: step.record.inputs[name] for name in PUBLISHED}
    make_current(step, Release(f"{step.as_of}-{step.version}", created_at, step.as_of, tables, models, metrics))


def steps(context: Context) -> Sequence[Step]:
    """One step, written last."""
    return [
        Step(
            "publish",
            _publish,
            ("evaluation",),
            as_of="a3",
            after=(("score_users", "a3"), ("evaluate", "a2")),
            inputs=PUBLISHED,
        )
    ]
