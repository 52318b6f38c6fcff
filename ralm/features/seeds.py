"""Seeds: the users who already liked an item; and the look-alike model's labelled pairs, disjoint from the seeds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.features.hashing import bucket, chosen, uniform
from ralm.features.holdout import HeldOut, is_new_item

# Base-2 logarithm of a sketch's counters: 2 KB per item with many clickers.
SKETCH_SIZE = 12
# The draw of `past_clicks`: no division of the training clicks, but the clicks before them.
PAST = -1
# So many items have past clicks at most, each with so many clicks at least in the label window.
PAST_ITEMS = 800
LEAST_CLICKERS = 3


def in_seed_half(draw: int, seed: int) -> Column:
    """Whether a (user, item) pair belongs to the half that gives seeds in a draw; the other half gives labels.

    Draws 2j and 2j + 1 have the same two halves with their roles exchanged.
    """
    pair = draw // 2
    return bucket("seed half" if pair == 0 else f"seed half {pair}", seed, "user_id", "item_id", buckets=2) == draw % 2


def _in_draws(pairs: DataFrame, draws: int, chosen_in: Callable[[int], Column]) -> DataFrame:
    """Each pair once for every draw 0 … draws - 1 that it is chosen in, with the column `draw`; nothing is shuffled."""
    numbers = F.array(*(F.when(chosen_in(draw), F.lit(draw)) for draw in range(draws)))
    return pairs.withColumn("draw", F.explode(F.array_compact(numbers)))


def clicks(impressions: DataFrame, until: dt.date, since: dt.date | None = None) -> DataFrame:
    """Clicked impressions of a window: (user_id, item_id, clicked_at)."""
    window = F.col("clicked") & (F.col("shown_at") < F.lit(until))
    if since is not None:
        window &= F.col("shown_at") >= F.lit(since)
    return impressions.where(window).select("user_id", "item_id", F.col("shown_at").alias("clicked_at"))


def item_seeds(clicked: DataFrame, cap: int) -> DataFrame:
    """The newest `cap` clickers of each item, in each draw.

    Args:
        clicked: (user_id, item_id, draw, clicked_at); a user who clicked twice counts once, at the last time.
        cap: K, seeds kept per item.

    Returns:
        (item_id, draw, seeds array<struct<user_id, clicked_at>> newest first, ties by user_id; seed_count; clickers, an
        estimate by sketch of all; first_clicked_at, the first of all clicks). The rank is cut before the shuffle, so an
        item with 10^8 clickers moves at most K rows per partition.
    """
    return newest_clickers(clicked, cap).select(
        "item_id",
        "draw",
        "seeds",
        F.size("seeds").alias("seed_count"),
        clickers("sketch").alias("clickers"),
        "first_clicked_at",
    )


def newest_clickers(clicked: DataFrame, cap: int) -> DataFrame:
    """(item_id, draw, seeds, sketch of all clickers, first_clicked_at) of clicks, as in `item_seeds`."""
    last = clicked.groupBy("item_id", "draw", "user_id").agg(F.max("clicked_at").alias("clicked_at"))
    newest = Window.partitionBy("item_id", "draw").orderBy(F.desc("clicked_at"), "user_id")
    kept = last.withColumn("rank", F.row_number().over(newest)).where(F.col("rank") <= cap)
    listed = kept.groupBy("item_id", "draw").agg(
        F.sort_array(F.collect_list(F.struct("rank", F.struct("user_id", "clicked_at").alias("seed"))))["seed"].alias(
            "seeds"
        )
    )
    every = clicked.groupBy("item_id", "draw").agg(
        F.hll_sketch_agg("user_id", SKETCH_SIZE).alias("sketch"), F.min("clicked_at").alias("first_clicked_at")
    )
    return listed.join(every, ["item_id", "draw"])


def clickers(sketch: str) -> Column:
    """The number of clickers by a sketch (within 1.6 %; exact for some hundred), however its parts were put together.

    A sketch that was fed value by value gives another estimate than a union of the same values; the estimate of a
    union does not depend on its parts.
    """
    return F.hll_sketch_estimate(F.hll_union(F.col(sketch), F.col(sketch)))


def items_with_seeds(clicked: DataFrame, least: int) -> DataFrame:
    """(item_id, draw) with at least `least` clickers, by sketch (a few hundred bytes per item are shuffled).

    Clicks are as for `item_seeds`.
    """
    clickers = F.approx_count_distinct("user_id").alias("clickers")
    return clicked.groupBy("item_id", "draw").agg(clickers).where(F.col("clickers") >= least).select("item_id", "draw")


def shown_between(impressions: DataFrame, since: dt.date, until: dt.date) -> DataFrame:
    """The impressions of [since, until)."""
    return impressions.where((F.col("shown_at") >= F.lit(since)) & (F.col("shown_at") < F.lit(until)))


def labelled_pairs(impressions: DataFrame, since: dt.date, until: dt.date) -> DataFrame:
    """What users did with items in a window: (user_id, item_id, label 0/1), a pair once, 1 if it was ever clicked."""
    clicked = F.max(F.col("clicked").cast("int"))
    return shown_between(impressions, since, until).groupBy("user_id", "item_id").agg(clicked.alias("label"))


def training_pairs(
    impressions: DataFrame, since: dt.date, until: dt.date, new_item_share: HeldOut, seed: int, draws: int = 1
) -> DataFrame:
    """Labels of the look-alike model: the pairs of the window that are not seeds, on items that are not held out.

    A clicked pair of a draw's seed half is a seed of that draw, not a label. Non-clicks are dealt out to several draws
    like the clicks; a single draw has them all. The seeds that belong to these labels are
    `item_seeds(training_clicks(...))`.

    Returns:
        (user_id, item_id, label 0/1, draw).
    """
    pairs = unseen_pairs(impressions, since, until).where(~is_new_item("item_id", new_item_share, seed))
    spare = (F.col("label") == 0) & F.lit(draws == 1)
    return _in_draws(pairs, draws, lambda draw: spare | ~in_seed_half(draw, seed))


def training_clicks(
    impressions: DataFrame, since: dt.date, until: dt.date, new_item_share: HeldOut, seed: int, draws: int = 1
) -> DataFrame:
    """The clicks of the label window that are seeds in training: a draw's seed half of those not on held-out items.

    Returns:
        (user_id, item_id, clicked_at, draw).
    """
    clicked = clicks(impressions, until, since).where(~is_new_item("item_id", new_item_share, seed))
    return _in_draws(clicked, draws, lambda draw: in_seed_half(draw, seed))


def training_least(seeds: DataFrame, min_seeds: int, draws: int) -> int:
    """Seeds that an item needs in every draw to be trained on.

    They are `min_seeds`, or as many as the best item has if none has so many.

    Args:
        seeds: (item_id, draw, seed_count) of `item_seeds`, for training.
        min_seeds: `lookalike.min_seeds`.
        draws: `lookalike.seed_draws`.
    """
    of_item = seeds.where(F.col("draw") != PAST).groupBy("item_id")
    fewest = of_item.agg(F.count("*").alias("draws"), F.min("seed_count").alias("fewest"))
    row = fewest.where(F.col("draws") == draws).agg(F.max("fewest")).first()
    return min_seeds if row is None or row[0] is None else min(min_seeds, int(row[0]))


def past_clicks(
    impressions: DataFrame,
    since: dt.date,
    until: dt.date,
    new_item_share: HeldOut,
    seed: int,
    min_seeds: int,
) -> DataFrame:
    """The clicks before the label window of items that were clicked both before and in it: seeds as in production.

    There, seeds come first: users are described as of a date by which they all had clicked, and those who are looked
    for click later. In the draws, seeds and labels click in the same window, after the date.

    Args:
        impressions: shows to users.
        since: A1.
        until: A2.
        new_item_share: items that are held out are left out.
        seed: of the hashes.
        min_seeds: clicks of an item before A1, at least; whether they are of so many users is seen later.

    Returns:
        (user_id, item_id, clicked_at, draw), the draw being `PAST`, of `PAST_ITEMS` items at most, by hash. Of every
        item two numbers are shuffled, then the clicks of the chosen items.
    """
    clicked = clicks(impressions, until).where(~is_new_item("item_id", new_item_share, seed))
    before = F.col("clicked_at") < F.lit(since)
    counted = clicked.groupBy("item_id").agg(F.count_if(before).alias("before"), F.count_if(~before).alias("after"))
    enough = counted.where((F.col("before") >= min_seeds) & (F.col("after") >= LEAST_CLICKERS))
    drawn = enough.orderBy(uniform("judged item", seed, "item_id"), "item_id").limit(PAST_ITEMS).select("item_id")
    return clicked.where(before).join(F.broadcast(drawn), "item_id", "left_semi").withColumn("draw", F.lit(PAST))


def clicked_items(clicked: DataFrame, indices: DataFrame, cap: int) -> DataFrame:
    """What each user clicked of the items that count.

    Args:
        clicked: (user_id, item_id, clicked_at).
        indices: (item_id, item_index int) of the items that count; broadcast.
        cap: items kept per user, at least 1.

    Returns:
        (user_id, items array<int>): the indices of the newest `cap` items; no row for users without.
    """
    found = clicked.join(F.broadcast(indices), "item_id")
    last = found.groupBy("user_id", "item_index").agg(F.max("clicked_at").alias("clicked_at"))
    newest = Window.partitionBy("user_id").orderBy(F.desc("clicked_at"), "item_index")
    kept = last.withColumn("rank", F.row_number().over(newest)).where(F.col("rank") <= cap)
    return kept.groupBy("user_id").agg(F.collect_list("item_index").alias("items"))


def is_validation_item(share: float, seed: int) -> Column:
    """Whether a training item is kept for validation: the look-alike model is judged on items it was not trained on."""
    return chosen("validation item", seed, share, "item_id")


def is_validation_user(share: float, seed: int) -> Column:
    """Whether a user is kept for validation: neither model is trained on what validation users do."""
    return chosen("validation user", seed, share, "user_id")


def unseen_pairs(impressions: DataFrame, since: dt.date, until: dt.date) -> DataFrame:
    """Labelled pairs of a window without pairs clicked before it: those users are seeds already.

    The rule of negatives: a user who clicked an item before `until`, be it before, between or after the times when it
    was shown, is no negative of the item. `until` is the date up to which the log is known: A3 when systems are judged,
    A2 in training, where later clicks are the future.
    """
    known = clicks(impressions, since).select("user_id", "item_id").distinct()
    return labelled_pairs(impressions, since, until).join(known, ["user_id", "item_id"], "left_anti")


def seed_rows(seeds: DataFrame, embeddings: DataFrame, min_seeds: int) -> DataFrame:
    """The seeds of each item with their embeddings: what is clustered.

    Args:
        seeds: (item_id, draw, seeds, seed_count) of `item_seeds`, at most K per row.
        embeddings: (user_id, embedding).
        min_seeds: items with fewer seeds are left out.

    Returns:
        (item_id, draw, user_id, embedding); seeds without an embedding are left out.
    """
    listed = seeds.where(F.col("seed_count") >= min_seeds).select(
        "item_id", "draw", F.explode("seeds.user_id").alias("user_id")
    )
    found = listed.join(embeddings.select("user_id", "embedding"), "user_id")
    return found.select("item_id", "draw", "user_id", "embedding")
