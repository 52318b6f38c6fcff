"""The built-in world after its log: rounds of new items, feeds, clicks and refreshes."""

from __future__ import annotations

import datetime as dt
import time

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.steps.refresh.round import refresh
from jobs.steps.world import policies
from jobs.steps.world.page import write_page
from jobs.steps.world.policies import LOOKALIKE
from ralm.config import Simulate
from ralm.errors import ConfigError
from ralm.runs.context import Context
from ralm.simulation import clock
from ralm.simulation.draws import uniform
from ralm.simulation.world import FEED
from ralm.warehouse.forgotten import without_forgotten
from ralm.warehouse.once import append_once
from ralm.warehouse.releases import current_release
from ralm.warehouse.schemas import TABLES


class World:
    """The built-in world after its log, one round at a time; a repeated round writes nothing twice.

    Args:
        context: of a warehouse with a release.
        step: time that passes per round; None: this machine's clock.

    Raises:
        ConfigError: the configuration has no section `simulate`.
    """

    def __init__(self, context: Context, step: dt.timedelta | None = None) -> None:
        if context.config.simulate is None:
            raise ConfigError("live: the configuration has no `simulate` section; only the built-in world goes on")
        self.context, self.step = context, step
        self.cfg: Simulate = context.config.simulate
        self.live = context.config.live
        self.end = dt.datetime.combine(self.cfg.start, dt.time()) + dt.timedelta(days=self.cfg.days)
        self.warehouse, self.spark = context.warehouse, context.spark
        current_release(self.warehouse)
        for name in ("live_exposures", "live_items"):
            self.warehouse.create(name)

    def last(self) -> tuple[int, dt.datetime | None]:
        """The number and the end of the last round; 0 before the first."""
        found = self.warehouse.read("live_items").agg(F.max("round"), F.max("at")).first()
        return (0, None) if found is None or found[0] is None else (found[0], found[1])

    def round(self) -> int:
        """Publish, show, click, refresh, and record the state of the items; returns the round's number, from 1 on."""
        number, since = self.last()
        number += 1
        until = self._now(since)
        since = since or until - (self.step or dt.timedelta(minutes=1))
        items = self._publish(number, since)
        if self.context.config.cold_start is not None:
            refresh(self.context, lambda: since)  # new items are spread by their categories
        shown = self._show(number, items, since, until)
        clock_then = time.monotonic()
        refresh(self.context, lambda: until + dt.timedelta(seconds=time.monotonic() - clock_then))
        self._note(number, items, until)
        write_page(self.context)
        self.context.say(f"round {number}, {until:%Y-%m-%d %H:%M}: {shown}")
        return number

    def _now(self, last: dt.datetime | None) -> dt.datetime:
        if self.step is None:
            return dt.datetime.now(dt.UTC).replace(tzinfo=None)
        return (last or self.end) + self.step

    def _publish(self, number: int, at: dt.datetime) -> DataFrame:
        """(item, item_id, published_at, categories) of the items that are shown in this round."""
        first = self.cfg.items + (number - 1) * self.live.items
        new = clock.published_items(self.spark, self.cfg, self.context.config.seed, first, self.live.items, at)
        self._append("items", new, number)
        oldest = max(self.cfg.items - self.live.older, first + self.live.items - self.live.window)
        shown = self.warehouse.read("items").where(_number("item_id") >= oldest)  # item numbers rise with publication
        return shown.select(_number("item_id").alias("item"), "item_id", "published_at", "categories").persist()

    def _show(self, number: int, items: DataFrame, since: dt.datetime, until: dt.datetime) -> str:
        """Fill the visitors' feeds and let them click; returns a sentence on what happened."""
        config = self.context.config
        visits = clock.visits(self.spark, self.cfg, self.live, config.seed, number, config.user_id_type)
        visits = without_forgotten(self.warehouse, visits)
        shown_before = self.warehouse.read("live_exposures")
        pairs = ["user_id", "item_id"]
        named = F.broadcast(items.select("item", "item_id"))
        seen = shown_before.select(pairs).union(self.warehouse.read("impressions").select(pairs))
        unseen = visits.crossJoin(named).join(seen.join(named, "item_id"), pairs, "left_anti")
        rates = policies.click_rates(items, self._log(), shown_before)
        matches = policies.profile_matches(items, self._log(), self.warehouse.read("items"))
        fits = policies.fit(unseen, self._audiences(), rates, matches, self.live.leftover)
        shown = clock.feed(fits, self.live, config.seed, number)
        seconds = (until - since).total_seconds()
        drawn = uniform("live.moment", config.seed, F.col("number"), F.col("item"), F.lit(number))
        moment = F.floor(drawn * seconds).cast("int")
        exposures = clock.clicked(shown, self.cfg, config.seed).select(
            F.lit(number).alias("round"),
            "policy",
            "user_id",
            "item_id",
            (F.lit(since) + F.make_dt_interval(secs=moment)).alias("shown_at"),
            "clicked",
            "explored",
        )
        self._append("live_exposures", exposures, number)
        written = self.warehouse.read("live_exposures").where(F.col("round") == number)
        log = written.where(F.col("policy") == LOOKALIKE).select("user_id", "item_id", "shown_at", "clicked")
        log = log.withColumns({"domain": F.lit(FEED), "shown_date": F.to_date("shown_at")})
        self._append("impressions", log, number)
        counts = written.groupBy("policy").agg(F.count("*").alias("shown"), F.count_if("clicked").alias("clicks"))
        return ", ".join(
            f"{row['policy']} {row['shown']:,} shown {row['clicks']:,} clicked"
            for row in counts.sort("policy").collect()
        )

    def _audiences(self) -> DataFrame:
        """(user_id, item_id, percentile) of the current release."""
        release = current_release(self.warehouse)
        audiences = self.warehouse.read("audiences", release.tables["audiences"])
        return audiences.where(F.col("as_of") == F.lit(release.as_of)).select("user_id", "item_id", "percentile")

    def _log(self) -> DataFrame:
        """The impressions before the first round."""
        return self.warehouse.read("impressions").where(F.col("shown_at") < F.lit(self.end))

    def _note(self, number: int, items: DataFrame, at: dt.datetime) -> None:
        release = current_release(self.warehouse)
        audiences = self.warehouse.read("audiences", release.tables["audiences"])
        own = audiences.where(F.col("as_of") == F.lit(release.as_of)).join(items.select("item_id"), "item_id")
        sizes = own.groupBy("item_id").agg(F.first("system").alias("system"), F.count("*").alias("audience"))
        seeds = self.warehouse.read("live_seeds").select("item_id", F.col("seed_count").alias("seeds"))
        rows = items.join(seeds, "item_id", "left").join(sizes, "item_id", "left")
        rows = rows.fillna(0, ["seeds", "audience"]).withColumns({"round": F.lit(number), "at": F.lit(at)})
        self._append("live_items", rows.drop("item"), number)
        items.unpersist()

    def _append(self, name: str, rows: DataFrame, number: int) -> None:
        """Append a round's rows once, however often the round is run."""
        if TABLES[name].partition == ("round",):
            rows = rows.coalesce(1)
        append_once(self.warehouse, name, rows, app_id=f"live/{name}", number=number)


def _number(item_id: str) -> Column:
    return F.substring(item_id, 2, 20).cast("bigint")


def play(world: World, rounds: int | None, pause: dt.timedelta) -> None:
    """Run rounds, at least `pause` from the start of one to the start of the next; None: until ended."""
    done = 0
    while rounds is None or done < rounds:
        started = time.monotonic()
        world.round()
        done += 1
        if done != rounds:
            time.sleep(max(0.0, pause.total_seconds() - (time.monotonic() - started)))
