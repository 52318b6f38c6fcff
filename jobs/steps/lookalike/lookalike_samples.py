"""The table `lookalike_samples`: items with users who clicked them and users who did not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import source
from jobs.steps.user_model.training import merges
from jobs.steps.user_model.training_sets import write_training_set
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from ralm.config import Merge
from ralm.errors import DataError
from ralm.features.seeds import (
    PAST,
    clicked_items,
    clicks,
    is_validation_item,
    is_validation_user,
    shown_between,
    training_least,
    training_pairs,
)
from ralm.models.clicked_bits import clicked_words
from ralm.runs.context import Context
from ralm.runs.step import RunningStep, Step
from ralm.training.seed_draws import draw_row
from udfs.clicked import clicked_bitmaps


def step_name(merge: Merge) -> str:
    """The step that makes the samples from the embeddings of a merge layer."""
    return f"build_lookalike_samples[{merge}]"


def training_items(context: Context, seeds: DataFrame) -> list[str]:
    """The items with enough training seeds in every draw, in the order of their rows in the centroid array."""
    lookalike = context.config.lookalike
    least = training_least(seeds, lookalike.min_seeds, lookalike.seed_draws)
    drawn = seeds.where((F.col("seed_count") >= least) & (F.col("draw") != PAST))
    enough = drawn.groupBy("item_id").count()
    enough = enough.where(F.col("count") == lookalike.seed_draws).select("item_id")
    return sorted(row["item_id"] for row in enough.collect())  # one short string per active item


def _build(merge: Merge, step: RunningStep) -> None:
    context, config, dates = step.context, step.context.config, step.context.dates
    seeds = step.at("item_seeds", as_of=dates.a1, purpose="train")
    items, draws = training_items(context, seeds), config.lookalike.seed_draws
    if not items:
        raise DataError(
            f"lookalike_samples: no item has a seed of [{dates.a1}, {dates.a2}) in each of lookalike.seed_draws = "
            f"{draws} draws; give more data, or check dates"
        )
    wanted = config.lookalike.min_seeds
    if (least := training_least(seeds, wanted, draws)) < wanted:
        step.say(
            f"warning: no item has lookalike.min_seeds = {wanted} seeds to be trained on in each of {draws} draws: "
            f"{len(items):,} items with {least} are taken, and little is learnt from them"
        )
    indices = context.spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
    impressions = step.read("impressions")
    step.refuse_empty(
        shown_between(impressions, dates.a1, dates.a2),
        f"lookalike_samples: no impression in [{dates.a1}, {dates.a2}); check dates",
    )
    pairs = training_pairs(
        impressions, dates.a1, dates.a2, config.evaluation.new_item_share, config.seed, config.lookalike.seed_draws
    )
    version = model_version(context, merge)
    embeddings = step.at("user_embeddings", as_of=dates.a1, model_version=version)
    # Training has neither the items nor the users that it is judged on; pairs of one of them with others are left out.
    share, seed = config.user_samples.validation_share, config.seed
    of_one_kind = pairs.where(is_validation_item(share, seed) == is_validation_user(share, seed))
    # Pairs are counted while they are narrow: the embeddings and lists that they get are a hundred times as wide.
    of_user = Window.partitionBy("user_id")
    labelled = of_one_kind.join(F.broadcast(indices), "item_id").select(
        "user_id",
        is_validation_item(share, seed).alias("validation"),
        draw_row(F.col("draw"), F.col("item_index"), len(items)).cast("int").alias("item_index"),
        F.col("label").cast("float").alias("label"),
        F.log(F.count("*").over(of_user)).cast("float").alias("log_rows"),
    )
    cap = config.lookalike.clicked_cap
    words = clicked_words(len(items), cap)
    clicked = F.array_repeat(F.lit(0), words)
    if words:
        udf = clicked_bitmaps(words, config.user_id_type)
        bitmaps = clicked_items(clicks(impressions, dates.a2), indices, cap).mapInArrow(*udf)
        labelled, clicked = labelled.join(bitmaps, "user_id", "left"), F.coalesce("clicked", clicked)
    samples = labelled.join(embeddings.select("user_id", "embedding"), "user_id").select(
        "validation", "embedding", "item_index", "label", "log_rows", clicked.alias("clicked")
    )
    keys = ["item_index", "embedding"]
    write_training_set(
        step, "lookalike_samples", samples, keys, config.lookalike_training, "pairs", model_version=version
    )


def steps(context: Context) -> Sequence[Step]:
    """One step per merge layer."""
    return [
        Step(
            step_name(merge),
            partial(_build, merge),
            ("lookalike", "evaluation.new_item_share", "dates", "user_samples"),
            as_of="a1",
            after=(source(context), (seeds_step("train"), "a1"), (embedding_step(merge), "a1")),
            inputs=("impressions", "item_seeds", "user_embeddings"),
            extra=lambda: "clicked as bits",  # samples of an earlier version held lists
        )
        for merge in merges(context)
    ]
