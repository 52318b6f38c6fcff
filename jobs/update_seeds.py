"""Collect each item's seeds, its newest clickers: for every purpose, or as they click (--trigger, --available-now)."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from functools import partial

from pyspark.sql import functions as F

from jobs.application import configured, run
from jobs.arguments import Arguments, run_job
from jobs.build_vocabularies import source
from jobs.landing import Landing
from jobs.seed_stream import SeedStream
from jobs.streams import interval, keep_going
from ralm.dates import DateName
from ralm.errors import ConfigError
from ralm.features.seeds import clicks, item_seeds, items_with_seeds, training_clicks
from ralm.runs import Context, RunningStep, Step
from ralm.session import get_session

# Whose seeds they are, and the date of the embeddings that go with them.
PURPOSES: dict[str, DateName] = {"train": "a1", "evaluate": "a2", "production": "a3"}


def step_name(purpose: str) -> str:
    """The step that collects the seeds of a purpose."""
    return f"update_seeds[{purpose}]"


def _update(purpose: str, step: RunningStep) -> None:
    context, config = step.context, step.context.config
    impressions, dates = step.read("impressions"), context.dates
    if purpose == "train":
        share = config.evaluation.new_item_share
        clicked = training_clicks(impressions, dates.a1, dates.a2, share, config.seed, config.lookalike.seed_draws)
    else:
        assert step.as_of is not None
        clicked = clicks(impressions, step.as_of).withColumn("draw", F.lit(0))
    least = config.lookalike.min_seeds
    step.refuse_empty(
        items_with_seeds(clicked, least),
        f"item_seeds: no item has lookalike.min_seeds = {least} seeds for '{purpose}' as of {step.as_of}; lower it, or "
        "check what counts as a click",
    )
    seeds = item_seeds(clicked, config.lookalike.seed_cap)
    keyed = seeds.withColumns({"as_of": F.lit(step.as_of), "purpose": F.lit(purpose)})
    step.replace("item_seeds", keyed, "items", as_of=step.as_of, purpose=purpose)


def steps(context: Context) -> Sequence[Step]:
    """One step a purpose."""
    return [
        Step(
            step_name(purpose),
            partial(_update, purpose),
            ("lookalike", "evaluation", "dates"),
            as_of=date,
            after=(source(context),),
            inputs=("impressions",),
        )
        for purpose, date in PURPOSES.items()
    ]


def follow(arguments: Arguments, trigger: dt.timedelta | None, landing: str | None = None) -> None:
    """Merge new impressions into `live_seeds`: what there is now, or every so often until the process is ended.

    Args:
        arguments: of the job.
        trigger: time between two batches; None: what there is now.
        landing: folder whose new files are taken into `impressions` before.
    """
    config = configured(arguments)
    spark = get_session(f"ralm update_seeds {config.name}", config.spark)
    try:
        context = Context(spark, config)
        queries = [lambda: SeedStream(context).start(trigger)]
        if landing is not None:
            landed = Landing(context, landing)
            queries.insert(0, lambda: landed.start(trigger))
        # What there is now: the files first, then the seeds of what they brought.
        for together in [queries] if trigger else [[query] for query in queries]:
            keep_going(together, context.say)
    finally:
        spark.stop()


def options() -> argparse.ArgumentParser:
    """The options of the stream."""
    parser = argparse.ArgumentParser(add_help=False)
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument("--trigger", metavar="1m", help="follow the impressions into `live_seeds`, a batch so often")
    stream.add_argument("--available-now", action="store_true", help="bring `live_seeds` up to now, and end")
    parser.add_argument(
        "--landing", metavar="FOLDER", help="with either: take new files of this folder, laid out as ingest.impressions"
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    trigger = arguments.options["trigger"]
    landing = arguments.options["landing"]
    if trigger or arguments.options["available_now"]:
        follow(arguments, interval(trigger) if trigger else None, landing)
    elif landing is not None:
        raise ConfigError("--landing: give --trigger or --available-now, too")
    else:
        run(arguments, "update_seeds", steps)


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
