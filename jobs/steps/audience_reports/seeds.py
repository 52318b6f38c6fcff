"""The seeds of an audience, what was counted of them, and how they can be looked at without their own clicks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.steps.audience_reports.request import Asked
from jobs.steps.users.vocabularies import load_sizes
from ralm.dates import DateName
from ralm.errors import MissingInputError
from ralm.features.hashing import uniform
from ralm.ingest.list_match import match_users
from ralm.ingest.user_list import UserList, read_user_list
from ralm.insight.verdict import LEAST_SEEDS, SeedCounts
from ralm.runs.step import RunningStep
from ralm.spark.frames import union


@dataclass(frozen=True)
class Seeds:
    """Seeds of one audience.

    Attributes:
        users: (user_id), all of them, persisted.
        described: (user_id), those that the scorer sees, `lookalike.seed_cap` at most.
        counts: what was counted.
        newest: the newest click of a seed (UTC); None: a list.
        date: users are described as of this date where seeds are tested: their clicks on the item come after it.
        tested: (user_id), seeds of whom that holds; all of them if `clean` is false.
        clean: whether it holds.
    """

    users: DataFrame
    described: DataFrame
    counts: SeedCounts
    newest: dt.datetime | None
    date: DateName
    tested: DataFrame
    clean: bool


def known_users(step: RunningStep) -> DataFrame:
    """(user_id): all users as of the step's date (tables: user_fields)."""
    fields = step.at("user_fields", as_of=step.as_of, vocabulary_version=load_sizes(step.context).version)
    return fields.select("user_id")


def seeds_of(step: RunningStep, asked: Asked) -> Seeds:
    """The seeds of an item or of a list (tables: item_seeds, impressions, user_fields)."""
    return _list_seeds(step, asked) if asked.lists else _item_seeds(step, asked.item_id)


def _capped(step: RunningStep, users: DataFrame) -> DataFrame:
    config = step.context.config
    drawn = users.orderBy(uniform("listed seed", config.seed, "user_id"), "user_id")  # as extend_audience draws them
    return drawn.limit(config.lookalike.seed_cap).persist()


def _list_seeds(step: RunningStep, asked: Asked) -> Seeds:
    lists = [read_user_list(step.context.spark, path, asked.column) for path in asked.lists]
    ids = union(one.ids for one in lists)
    given = UserList(ids, " and ".join(asked.lists), lists[0].form, asked.column)
    matched, report = match_users(given, known_users(step), hashed=asked.hashed)
    matched = matched.persist()
    heavy, effective = _weights(given.ids.where(F.col("id").isNotNull()).groupBy("id").agg(F.count("*").alias("rows")))
    described = _capped(step, matched)
    counts = SeedCounts(
        report.read - report.empty,
        report.matched,
        report.duplicates,
        report.unmatched,
        report.matched,
        heavy,
        effective,
    )
    return Seeds(matched, described, counts, None, "a3", described, True)


def _item_seeds(step: RunningStep, item: str) -> Seeds:
    rows = step.at("item_seeds", as_of=step.as_of, purpose="production").where(F.col("item_id") == item)
    row = rows.select("clickers", "seed_count", F.col("seeds")[0]["clicked_at"].alias("newest")).first()
    if row is None:
        raise MissingInputError(f"item '{item}': no seeds in item_seeds as of {step.as_of}")
    exploded = rows.select(F.explode("seeds").alias("one")).select("one.user_id", "one.clicked_at").persist()
    # A user who is gone from the profiles cannot be a seed of the audience.
    users = exploded.join(known_users(step), "user_id", "left_semi").select("user_id").persist()
    matched = users.count()
    clicks = step.read("impressions").where(
        (F.col("item_id") == item) & F.col("clicked") & (F.col("shown_date") < F.lit(step.as_of))
    )
    heavy, effective = _weights(clicks.groupBy("user_id").agg(F.count("*").alias("rows")))
    by_day = exploded.groupBy(F.to_date("clicked_at").alias("day")).count()
    days = by_day.agg(F.max("count"), F.datediff(F.max("day"), F.min("day")) + 1).first()
    assert days is not None
    counts = SeedCounts(
        row["seed_count"],
        matched,
        0,
        row["seed_count"] - matched,
        matched,
        heavy,
        effective,
        days[0] / row["seed_count"],
        days[1],
    )
    late = exploded.where(F.col("clicked_at") >= F.lit(step.context.dates.a2)).select("user_id")
    late = late.join(users, "user_id", "left_semi").persist()
    clean = late.count() >= LEAST_SEEDS
    tested = late if clean else users
    return Seeds(users, users, counts, row["newest"], "a2" if clean else "a3", tested, clean)


def _weights(rows: DataFrame) -> tuple[float, float]:
    """The share of the heaviest of (…, rows), and how many equally heavy ones the weights are worth."""

    def total(column: Column) -> Column:
        return F.sum(column.cast("double"))

    found = rows.agg(F.max("rows"), total(F.col("rows")), total(F.col("rows") * F.col("rows"))).first()
    if found is None or not found[1]:
        return 0.0, 0.0
    return found[0] / found[1], found[1] ** 2 / found[2]
