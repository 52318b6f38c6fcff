"""Who is shown what and when: a popularity-biased feed in closed form, generated from the user's side.

Items are published in cohorts. At a moment, a cohort is drawn by its age and an item in it by its popularity rank, both
by the inverse of a power law, so that an impression costs the same however many items there are. An item's share of
the exposure is the product of the two shares (the Matthew effect), known without a pass over the log.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.config import Simulate
from ralm.simulation import truth
from ralm.simulation.draws import power_law_rank, uniform

DAY = 86_400
ARRIVAL_FROM, ARRIVAL_TO = 0.35, 1.25  # arrivals of cold users, in shares of the log: some come after its end
STAY = 0.1  # mean stay of a cold user, in shares of the log
COLD_VOLUME = 0.5  # impressions of a cold user, relative to a regular user of the same activity
COHORT_ITEMS = 10  # least number of items in a cohort, so that there are ranks to draw


@dataclass(frozen=True)
class Calendar:
    """The moments of a world, in seconds since 1970 (UTC).

    Items are published from `published` on, users act from `acting` on, the impression log runs from `start` to `end`;
    `cohorts` groups of items, one every `interval` seconds.
    """

    published: int
    acting: int
    start: int
    end: int
    cohorts: int
    interval: float
    lifetime: int

    @classmethod
    def of(cls, cfg: Simulate) -> Calendar:
        """The calendar of a configuration."""
        start = int(dt.datetime.combine(cfg.start, dt.time(), dt.UTC).timestamp())
        published = start - 2 * cfg.history_days * DAY
        end = start + cfg.days * DAY
        cohorts = max(1, min((end - published) // DAY, cfg.items // COHORT_ITEMS))
        interval = (end - published) / cohorts
        return cls(
            published=published,
            acting=start - cfg.history_days * DAY,
            start=start,
            end=end,
            cohorts=cohorts,
            interval=interval,
            lifetime=max(1, math.ceil(cfg.lifetime_days * DAY / interval)),
        )


def _first_item(cohort: Column, cfg: Simulate, calendar: Calendar) -> Column:
    return F.ceil(cohort * F.lit(float(cfg.items)) / F.lit(float(calendar.cohorts)))


def cohort_of(item: Column, cfg: Simulate) -> Column:
    """The cohort in which the item is published: inverse of the numbers of the cohorts' first items."""
    return F.floor(item * F.lit(float(Calendar.of(cfg).cohorts)) / F.lit(float(cfg.items)))


def published_at(item: Column, cfg: Simulate, seed: int) -> Column:
    """Seconds since 1970: within the cohort's interval; the first cohort exists from the beginning."""
    calendar = Calendar.of(cfg)
    cohort = cohort_of(item, cfg)
    moment = F.floor(
        F.lit(float(calendar.published)) + (cohort + uniform("item.published", seed, item)) * F.lit(calendar.interval)
    )
    return F.when(cohort == 0, F.lit(calendar.published).cast("bigint")).otherwise(moment)


def shown_items(moments: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add `item`, the number of the item that the feed shows at a moment; it is already published then.

    Args:
        moments: has `number` and `place` (the keys of the draws) and `moment`, in seconds since 1970, at or after the
            calendar's `acting`.
    """
    calendar = Calendar.of(cfg)
    keys = (F.col("number"), F.col("place"))
    elapsed = F.floor((F.col("moment") - F.lit(calendar.published)) / F.lit(calendar.interval))
    complete = F.greatest(F.lit(1), F.least(elapsed, F.lit(calendar.cohorts)))
    age = power_law_rank(
        uniform("shown.age", seed, *keys), F.least(F.col("complete"), F.lit(calendar.lifetime)), cfg.age_exponent
    )
    cohort = F.col("cohort")
    # One column per step: otherwise Spark would repeat each step's expression wherever the next step uses it.
    return (
        moments.withColumn("complete", complete)
        .withColumn("cohort", F.col("complete") - 1 - age)
        .withColumn("first_item", _first_item(cohort, cfg, calendar))
        .withColumn("size", _first_item(cohort + 1, cfg, calendar) - F.col("first_item"))
        .withColumn("rank", power_law_rank(uniform("shown.rank", seed, *keys), F.col("size"), cfg.popularity_exponent))
        .withColumn("item", F.col("first_item") + F.col("rank"))
        .drop("complete", "cohort", "first_item", "size", "rank")
    )


def _visits(users: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add when a user's impressions begin, how long they last (seconds) and how many are drawn."""
    calendar = Calendar.of(cfg)
    span = float(calendar.end - calendar.acting)
    number = F.col("number")
    cold = truth.is_cold(number, cfg, seed)
    log = float(calendar.end - calendar.start)
    arrival = F.lit(float(calendar.start)) + F.lit(log) * (
        F.lit(ARRIVAL_FROM) + F.lit(ARRIVAL_TO - ARRIVAL_FROM) * uniform("user.arrival", seed, number)
    )
    stay = F.lit(-STAY * log) * F.log(F.lit(1.0) - uniform("user.stay", seed, number))
    # The configured mean is over all users and the log; cold users who arrive before its end have COLD_VOLUME of it.
    arrived = min(1.0, (1.0 - ARRIVAL_FROM) / (ARRIVAL_TO - ARRIVAL_FROM))
    regular = cfg.impressions_per_user / (1 - cfg.cold_share + cfg.cold_share * COLD_VOLUME * arrived)
    mean = F.when(cold, F.lit(regular * COLD_VOLUME)).otherwise(F.lit(regular * span / log))
    volume = mean * truth.activity()
    return users.select(
        "*",
        F.when(cold, arrival).otherwise(F.lit(float(calendar.acting))).alias("first_visit"),
        F.when(cold, stay).otherwise(F.lit(span)).alias("visiting"),
        # Rounded up with a probability equal to the fraction: the mean is exact.
        F.floor(volume + uniform("user.impressions", seed, number)).cast("int").alias("shown"),
    )


def exposures(users: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Every (user, item) shown from the first acting day to the end, the first time it is shown.

    Args:
        users: `number` bigint. Must be partitioned by it (as spark.range is), so that nothing is shuffled.

    Returns:
        number bigint, item bigint, moment bigint (seconds since 1970), clicked boolean.
    """
    calendar = Calendar.of(cfg)
    number = F.col("number")
    drawn = uniform("shown.moment", seed, number, F.col("place"))
    moments = (
        _visits(truth.with_user_truth(users, cfg, seed), cfg, seed)
        .where("shown > 0")
        .withColumn("place", F.explode(F.sequence(F.lit(1), F.col("shown"))))
        .withColumn("moment", F.floor(F.col("first_visit") + F.col("visiting") * drawn))
        .where(F.col("moment") < F.lit(calendar.end))
    )
    shown = truth.with_item_truth(shown_items(moments, cfg, seed), cfg, seed)
    clicked = uniform("clicked", seed, number, F.col("item")) < truth.click_probability()
    # Draw the click before repeats are dropped: a filter on it then stays above the aggregation; otherwise Spark
    # would put the whole chain of draws into one condition.
    return (
        shown.withColumn("clicked", clicked)
        .groupBy("number", "item")
        .agg(F.min("moment").alias("moment"), F.max("clicked").alias("clicked"))
    )
