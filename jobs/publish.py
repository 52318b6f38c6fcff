"""Publish a release: which versions of the tables and models belong together, if the metrics pass the gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.embed_users import model_version
from jobs.variants import lookalike_version
from ralm.errors import DataError
from ralm.runs import Context, RunningStep, Step

PUBLISHED = ("audiences", "recommendations", "thresholds", "target_embeddings", "seed_clusters", "metrics")
GATED = ("new_items", "later_clicks")


def release_metrics(step: RunningStep) -> dict[str, float]:
    """The released system's item_auc a protocol."""
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
    table = context.warehouse.read("releases") if context.warehouse.exists("releases") else None
    rows = [] if table is None else table.collect()  # one short row a release
    current = next((row for row in rows if row["current"]), None)
    if current is not None:
        for protocol in GATED:
            before, now = current["metrics"].get(protocol), metrics.get(protocol)
            if before is not None and (now is None or now < before - context.config.evaluation.gate):
                raise DataError(
                    f"release: item_auc ({protocol}) {'is missing' if now is None else f'{now:.3f}'}, the current "
                    f"release {current['release_id']} has {before:.3f}; it stays current (evaluation.gate = "
                    f"{context.config.evaluation.gate})"
                )
    assert step.as_of is not None
    release = (
        f"{step.as_of}-{step.version}",
        dt.datetime.now(dt.timezone.utc).replace(tzinfo=None),
        step.as_of,
        {name: step.record.inputs[name] for name in PUBLISHED},
        {
            "user_model": model_version(context, context.config.variants["ralm"].merge),
            "lookalike": lookalike_version(context, "ralm"),
        },
        metrics,
        True,
    )
    earlier = [(*tuple(row)[:-1], False) for row in rows if row["release_id"] != release[0]]
    schema = (
        "release_id string, created_at timestamp, as_of date, tables map<string,bigint>, models map<string,string>, "
        "metrics map<string,double>, current boolean"
    )
    step.replace("releases", context.spark.createDataFrame([*earlier, release], schema).coalesce(1), "releases")
    step.say(f"release {release[0]} is current")


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


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "publish", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
