"""Publish a release: which versions of the tables and models belong together, if the metrics pass the gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.application import run
from jobs.arguments import Arguments, run_job
from jobs.embed_users import model_version
from jobs.releases import Release, make_current, releases
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


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "publish", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "")
