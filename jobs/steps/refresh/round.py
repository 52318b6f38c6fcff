"""A round of refresh: the items whose seeds changed get new clusters, audiences and a release."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.steps.audiences.audiences import clear_audiences
from jobs.steps.audiences.chosen_items import left_out, spread_items
from jobs.steps.audiences.nightly_scoring import score
from jobs.steps.lookalike.clustering import LIVE, newest_clusters, seed_clusters
from jobs.steps.lookalike.variants import variant_lookalike
from jobs.steps.refresh.changed_items import changed_items
from jobs.steps.refresh.freshness import report_freshness, write_freshness
from jobs.steps.refresh.moved import Moved, audiences_of, in_words, last_cutoffs, moved
from jobs.steps.releases.releases import make_current
from jobs.steps.releases.unmixed import require_no_night
from jobs.steps.seeds.item_seeds import item_ages
from jobs.steps.seeds.live_seeds import SeedStream
from jobs.steps.sources.landed_files import Landing
from jobs.steps.systems.production import require_ralm
from ralm.config.kept import kept_configuration
from ralm.config.names import COLD_START, SYSTEM
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.training.checkpoints import dated_weights
from ralm.warehouse.releases import Release, current_release, release_under

WRITTEN = ("audiences", "thresholds", "seed_clusters")
Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """The time of this machine."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


class Round:
    """One round on the current release: models and users stay, items get new seeds and audiences.

    Args:
        step: of the round; its tables are pinned.
        now: the clock of the clicks, in UTC.
    """

    def __init__(self, step: RunningStep, now: Clock) -> None:
        self.context, self.now = step.context, now
        self.release = release_under(step.context.warehouse, step.version)  # whatever an earlier try has published
        self.step = replace(step, as_of=self.release.as_of)  # the date of the release, not of the newest click
        self.model = self.release.models["lookalike"]

    def run(self) -> None:
        """Cluster, score and publish what changed; if nothing changed, nothing is written."""
        require_no_night(self.context, self.release)
        clock = time.monotonic()
        spread = spread_items(self.step, self._ages())
        self._say_left_out([item for items in spread.values() for item in items])
        items, cold = self._changed(spread[SYSTEM]), self._uncovered(spread.get(COLD_START, []))
        if not items and not cold:
            self.step.say("no item's seeds changed enough (refresh.min_change)")
            return
        found = f"{len(items):,} items changed enough" + (f", {len(cold):,} are new" if cold else "")
        self.step.say(f"{found}, {time.monotonic() - clock:.1f} s")
        names = self._cluster([row["item_id"] for row in items]) if items else []
        clock = time.monotonic()
        for system, chosen in {SYSTEM: names, COLD_START: cold}.items():
            if chosen:
                self._score(system, chosen)
        if names:
            self._clear_switched(names)
        if names or cold:
            self.step.say(f"all users scored against them, {time.monotonic() - clock:.1f} s")
            self._publish([row for row in items if row["item_id"] in set(names)])

    def _clear_switched(self, items: Sequence[str]) -> None:
        """Delete what the cold start wrote of items that have look-alike audiences from now on."""
        found = self._thresholds(COLD_START).join(self._named(items), "item_id").collect()
        switched = [row["item_id"] for row in found]
        if switched:
            clear_audiences(self.step, COLD_START, switched)
            self.step.say(f"{len(switched):,} items switched from cold start to look-alike")

    def _score(self, system: str, items: Sequence[str]) -> None:
        """Score the release's users against the items; the seeds are as they are now.

        With `refresh.keep: similarity`, items that had an audience are scored by themselves, with the score from which
        users were in it.
        """
        similar = self.context.config.refresh.keep == "similarity" and system == SYSTEM
        least = last_cutoffs(self._before(items), self._refreshed()) if similar else {}
        again = [item for item in items if item in least]
        for chosen, cuts in ((again, least), ([item for item in items if item not in least], None)):
            if chosen:
                self._score_with(system, chosen, cuts)

    def _score_with(self, system: str, items: Sequence[str], least: Mapping[str, float] | None) -> None:
        seeds = self.step.read("live_seeds").select("item_id", "seeds")
        score(self.step, system, items, lambda _: self._clusters(items), seeds, self.model, True, least)

    def _before(self, items: Sequence[str]) -> DataFrame:
        """The release's audiences of items."""
        rows = self.context.warehouse.read("audiences", self.release.tables["audiences"])
        return audiences_of(rows, self.release.as_of, SYSTEM, items)

    def _moved(self, items: Sequence[str]) -> dict[str, Moved]:
        config, before, as_of = self.context.config, self._before(items), self.release.as_of
        now = audiences_of(self.step.written("audiences"), as_of, SYSTEM, items)
        least = last_cutoffs(before, self._refreshed())
        found = moved(before, now, items, least, config.seed, config.privacy.minimum, config.refresh.keep)
        self.step.say(in_words(found, config.refresh.keep))
        return found

    def _refreshed(self) -> DataFrame:
        """Earlier rounds on the same users and models."""
        return self.step.read("freshness").where(
            (F.col("as_of") == F.lit(self.release.as_of)) & (F.col("model_version") == self.model)
        )

    def _ages(self) -> DataFrame:
        """(item_id, seed_count, first_clicked_at) as they are now.

        The first click is the night's. An item that was first clicked since then has few seeds, all of them newer.
        """
        nightly = self.step.at("item_seeds", as_of=self.release.as_of, purpose="production")
        first = item_ages(nightly).drop("seed_count")
        oldest = F.element_at("seeds", -1)["clicked_at"]
        live = self.step.read("live_seeds").join(first, "item_id", "left")
        return live.select("item_id", "seed_count", F.coalesce("first_clicked_at", oldest).alias("first_clicked_at"))

    def _say_left_out(self, chosen: Sequence[str]) -> None:
        """Name the items that were clicked since the night and are not among those chosen."""
        config = self.context.config
        enough = self.step.read("live_seeds").where(F.col("seed_count") >= config.lookalike.min_seeds)
        line = left_out(enough, self._named(chosen), self.release.as_of, config.scoring)
        if line is not None:
            self.step.say(line)

    def _thresholds(self, system: str) -> DataFrame:
        """(item_id) of the items that the release spreads by a system."""
        found = self.step.read("thresholds").where(F.col("as_of") == F.lit(self.release.as_of))
        items = self.step.read("items").select("item_id")  # your own lists have thresholds, too
        return found.where(F.col("system") == system).select("item_id").join(items, "item_id", "left_semi")

    def _uncovered(self, items: Sequence[str]) -> list[str]:
        """Those of the items for the cold start that have no audience yet."""
        if not items:
            return []
        covered = self._thresholds(COLD_START).union(self._thresholds(SYSTEM)).join(self._named(items), "item_id")
        known = {row["item_id"] for row in covered.collect()}
        return [item for item in items if item not in known]

    def _changed(self, items: Sequence[str]) -> list[Row]:
        """Those of the items for the look-alike model whose seeds changed enough."""
        settings, as_of = self.context.config.refresh, self.release.as_of
        if not items:
            return []
        live = self.step.read("live_seeds").join(self._named(items), "item_id")
        nightly = self.step.read("item_seeds").where(
            (F.col("as_of") == F.lit(as_of)) & (F.col("purpose") == "production")
        )
        found = changed_items(
            live, self._thresholds(SYSTEM), nightly, self._refreshed(), settings.min_change, settings.max_items
        )
        if len(found) == settings.max_items:
            self.step.say(f"{len(found):,} items (refresh.max_items); the other changed items come in the next round")
        return found

    def _cluster(self, items: Sequence[str]) -> list[str]:
        """Cluster the items, starting from their last clusters; returns those with seeds that have embeddings."""
        config, as_of = self.context.config, self.release.as_of
        listed = self._named(items)
        seeds = self.step.read("live_seeds").join(listed, "item_id").withColumn("draw", F.lit(0))
        embeddings = self.step.at("user_embeddings", as_of=as_of, model_version=self.release.models["user_model"])
        before = self.step.at("seed_clusters", as_of=as_of, model_version=self.model)
        previous = newest_clusters(before.join(listed, "item_id")).withColumn("draw", F.lit(0))
        lookalike = variant_lookalike(config, SYSTEM)
        weights = dated_weights(self.context.models("lookalike", self.model), as_of)
        clusters = seed_clusters(seeds, embeddings, lookalike, config.seed, weights, previous)
        keyed = clusters.withColumns(
            {
                "as_of": F.lit(as_of),
                "purpose": F.lit(LIVE),
                "model_version": F.lit(self.model),
                "round": F.lit(0),
            }
        )
        where: dict[str, Any] = {"as_of": as_of, "purpose": LIVE, "model_version": self.model}
        self.step.replace("seed_clusters", keyed, "items", **where, item_id=list(items))
        return [row["item_id"] for row in self._clusters(items).select("item_id").collect()]

    def _clusters(self, items: Sequence[str]) -> DataFrame:
        written = self.step.written("seed_clusters").where(
            (F.col("as_of") == F.lit(self.release.as_of))
            & (F.col("purpose") == LIVE)
            & (F.col("model_version") == self.model)
        )
        return written.join(self._named(items), "item_id")

    def _publish(self, items: Sequence[Row]) -> None:
        """Make the round's tables the current release, and note how fresh each item's audience is."""
        step, release = self.step, self.release
        tables = {**release.tables, **{name: step.outputs[name] for name in WRITTEN if name in step.outputs}}
        made = Release(
            f"{release.as_of}-{step.version}",
            self.now(),
            release.as_of,
            tables,
            release.models,
            dict(release.metrics),
            note=release.note,
            configuration=kept_configuration(self.context.config, SYSTEM, vars(self.context.dates)),
        )
        current = current_release(self.context.warehouse)
        if current.release_id == made.release_id:
            made = current  # an earlier try came as far
        elif not current.same_models(release):
            step.say(f"release {current.release_id} was published meanwhile; this round's audiences are not published")
            return
        else:
            require_no_night(self.context, release)  # one may have come while users were scored
            make_current(step, made, keep=self.context.config.refresh.keep_releases)
        if not items:
            return
        found = self._moved([row["item_id"] for row in items])
        write_freshness(step, made, self.model, items, found)
        ages = sorted((made.created_at - row["clicked_at"]).total_seconds() for row in items)
        step.say(
            f"from the last click of an item to its audience: {ages[len(ages) // 2]:,.0f} s in the median, "
            f"{ages[-1]:,.0f} s at most"
        )

    def _named(self, items: Sequence[str]) -> DataFrame:
        frame = self.context.spark.createDataFrame([(item,) for item in items], "item_id string")
        return F.broadcast(frame)


def steps(context: Context, now: Clock = utc_now) -> Sequence[Step]:
    """One round: its result depends on the seeds, the release's models, and what was refreshed before."""

    def extra() -> str:
        release = current_release(context.warehouse)
        return f"{release.as_of} {sorted(release.models.items())} {context.warehouse.version('freshness')} {seeds()}"

    def seeds() -> int:
        return context.warehouse.version("live_seeds")

    return [
        Step(
            "refresh",
            lambda step: Round(step, now).run(),
            ("scoring", "lookalike", "refresh", "cold_start", *context.config.privacy.sections),
            inputs=(
                "live_seeds",
                "items",
                "item_seeds",
                "user_embeddings",
                "seed_clusters",
                "target_embeddings",
                "thresholds",
                "freshness",
            ),
            extra=extra,
        )
    ]


def refresh(context: Context, now: Clock = utc_now, landing: str | None = None) -> None:
    """Bring seeds, clusters, audiences and the release up to now.

    Args:
        context: of a warehouse with a release.
        now: the clock of the clicks, in UTC.
        landing: folder whose new files are first taken into `impressions`.

    Raises:
        ConfigError: another system than RALM scores the audiences.
        MissingInputError: there is no release yet.
    """
    require_ralm(context, "refresh")
    current_release(context.warehouse)
    context.warehouse.create("freshness")
    if landing is not None:
        Landing(context, landing).start(None).awaitTermination()
    SeedStream(context).start(None).awaitTermination()
    run_steps(context, steps(context, now))
    report_freshness(context)
