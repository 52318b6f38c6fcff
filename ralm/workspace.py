"""The face for notebooks: a warehouse's audiences, items and figures as DataFrames of the current release.

    import ralm
    w = ralm.open("warehouse/demo")
    w.audience("i01816", top=1000)

Everything is read lazily by Spark, in a plain session or over Spark Connect, at the table versions of one release.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.loading import loaded, meant, some_session
from ralm.notebook.overlap import overlap
from ralm.notebook.releases import description, release_row
from ralm.notebook.reports import features_of_people, features_of_user, of_audience, share_with_lift
from ralm.notebook.sizes import asked, candidates, check_minimum, check_size, extent, reach

if TYPE_CHECKING:  # neither Spark nor a session is needed to import this file
    from pyspark.sql import DataFrame, SparkSession

# Items that `overlap` compares at most: each pair is a row.
MOST_COMPARED = 200


def open_workspace(path: str, spark: SparkSession | None = None, release: str | dt.date | None = None) -> Workspace:
    """A warehouse, at one of its releases.

    Args:
        path: of the warehouse, on any file system that Spark knows.
        spark: the session; default: the active one, otherwise a new one on this machine.
        release: its id, or the date of its users (the newest of that date counts); default: the current one.

    Raises:
        MissingInputError: there is no such warehouse or release.

    Example:
        >>> w = open_workspace(warehouse)
        >>> w.audience(item, top=3).count()
        3
    """
    return Workspace(some_session() if spark is None else spark, path.rstrip("/"), release)


class Workspace:
    """A warehouse at one release; made by `ralm.open`. Printing it says what it holds.

    Attributes:
        spark: the session.
        path: of the warehouse.
        release_id: the release that is read.
        as_of: the date of its users and seeds.
        versions: table -> version.
        minimum: fewest people that are shown, as `privacy.minimum` was when the release was made.
    """

    def __init__(self, spark: SparkSession, path: str, release: str | dt.date | None) -> None:
        self.spark, self.path = spark, path
        found = release_row(self._releases(), path, release)
        self.release_id: str = found["release_id"]
        self.as_of: dt.date = found["as_of"]
        self.versions: dict[str, int] = dict(found["tables"])
        self.minimum: int = found.get("minimum") or 0
        self._facts = found

    def __repr__(self) -> str:
        return description(self.path, self._facts)

    def table(self, name: str) -> DataFrame:
        """A table: of the release at its version, any other as it is now.

        Raises:
            MissingInputError: there is none of this name.

        Example:
            >>> w.table("items").where("item_id = 'none'").count()
            0
        """
        reader = self.spark.read.format("delta")
        if name in self.versions:
            reader = reader.option("versionAsOf", self.versions[name])
        return loaded(reader.load, f"{self.path}/{name}", f"no table '{name}' in {self.path}")

    def releases(self) -> DataFrame:
        """All releases, newest first: release_id, created_at, as_of, current, note, metrics, models, tables.

        Example:
            >>> w.releases().where("current").count()
            1
        """
        columns = ("release_id", "created_at", "as_of", "current", "note", "metrics", "models", "tables")
        return self._releases().select(*columns).orderBy("created_at", ascending=False)

    def items(self) -> DataFrame:
        """The items that have an audience, largest audience first.

        Returns:
            item_id, title, system (what scored it), users (in its audience), best and cutoff (highest and lowest score
            in it), published_at, categories. Your own lists are among them; their names begin with `list:`.

        Example:
            >>> w.items().columns
            ['item_id', 'title', 'system', 'users', 'best', 'cutoff', 'published_at', 'categories']
        """
        from pyspark.sql import functions as F

        audiences = self._audiences().groupBy("item_id", "system")
        sizes = audiences.agg(F.count("*").alias("users"), F.max("score").alias("best"), F.min("score").alias("cutoff"))
        known = self.table("items").select("item_id", "title", "published_at", "categories")
        shown = ("item_id", "title", "system", "users", "best", "cutoff", "published_at", "categories")
        enough = sizes.where(F.col("users") >= self.minimum)
        return enough.join(known, "item_id", "left").select(*shown).orderBy(F.desc("users"), "item_id")

    def audience(
        self,
        item: str,
        top: int | None = None,
        share: float | None = None,
        threshold: float | None = None,
        between: tuple[float, float] | None = None,
        lift: float | None = None,
    ) -> DataFrame:
        """The users in the audience of an item or of your own list, best first.

        Give at most one way to say how many; without any, it is the whole audience.

        Args:
            item: the item's id, or the name of your own list.
            top: so many users.
            share: the best users up to this share of all that were scored, such as .01; its own seeds are none of them.
            threshold: users with at least this score.
            between: users from one share of all to another, such as (.01, .02): the second percent.
            lift: the largest size in which hidden seeds were so many times as frequent as by chance (`report`).

        Returns:
            user_id, score, percentile (1: the best), rank (1: the best).

        Raises:
            MissingInputError: the item has no audience; for `lift`, no report.
            ConfigError: several ways at once; more users than it keeps, or fewer than `minimum`; no size has the lift.

        Example:
            >>> w.audience(item, share=0.05).columns
            ['user_id', 'score', 'percentile', 'rank']
        """
        from pyspark.sql import Window
        from pyspark.sql import functions as F

        if sum(way is not None for way in (top, share, threshold, between, lift)) > 1:
            raise ConfigError("audience: give one of top, share, threshold, between and lift")
        rows = self._audiences().where(F.col("item_id") == item)
        kept = extent(rows)
        if not kept.users:
            raise MissingInputError(f"no audience of '{item}' in release {self.release_id}{self._meant(item)}")
        share = share if lift is None else share_with_lift(self, item, lift)
        chosen_from = candidates(self.table("item_seeds"), self.as_of, item, kept)
        check_size(item, kept, chosen_from, top, share, between)
        ordered = Window.partitionBy("item_id").orderBy(F.desc("score"), "user_id")
        ranked = rows.withColumn("rank", F.row_number().over(ordered))
        chosen = ranked.where(asked(top, share, threshold, between)).orderBy("rank")
        check_minimum(item, chosen, self.minimum)
        return chosen.select("user_id", "score", "percentile", "rank")

    def recommendations(self, user: object) -> DataFrame:
        """The best items of a user among the scored ones, best first: rank, item_id, score.

        No row: the user is unknown, or was not scored.

        Example:
            >>> w.recommendations("nobody").count()
            0
        """
        from pyspark.sql import Window
        from pyspark.sql import functions as F

        rows = self.table("recommendations").where((F.col("as_of") == F.lit(self.as_of)) & (F.col("user_id") == user))
        both = rows.select("user_id", F.explode(F.arrays_zip("item_ids", "scores")).alias("one"))
        found = both.select("user_id", "one.item_ids", "one.scores").toDF("user_id", "item_id", "score")
        # Each system has a row of its own, and each item one system.
        best = Window.partitionBy("user_id").orderBy(F.desc("score"), "item_id")
        return found.select(F.row_number().over(best).alias("rank"), "item_id", "score").orderBy("rank")

    def metrics(self) -> DataFrame:
        """The figures of the release: system, protocol, split, metric, value, low, high (95 % interval), items.

        Example:
            >>> w.metrics().where("system = 'ralm'").isEmpty()
            False
        """
        columns = ("as_of", "system", "protocol", "split", "metric", "value", "low", "high", "items")
        return self.table("metrics").select(*columns).orderBy("protocol", "split", "metric", "value")

    def curve(self, item: str) -> DataFrame:
        """Reach against similarity: which share of users has at least which score.

        Returns:
            score, share (of a sample of all users with at least this score), falling scores.

        Raises:
            MissingInputError: the item has no histogram; your own lists have none.

        Example:
            >>> w.curve(item).columns
            ['score', 'share']
        """
        from pyspark.sql import functions as F

        rows = self.table("score_histograms").where(F.col("as_of") == F.lit(self.as_of))
        rows = rows.where(F.col("item_id") == item)
        if rows.isEmpty():
            raise MissingInputError(f"no histogram of '{item}' in release {self.release_id}{self._meant(item)}")
        return reach(rows)

    def overlap(self, items: Sequence[str]) -> DataFrame:
        """How much the audiences of items have in common, each pair once, most alike first.

        Args:
            items: ids, or names of your own lists; 200 at most.

        Returns:
            item_id, other_id, users, other_users, both (null: fewer than `minimum`), share (both / the smaller of the
            two), jaccard (both / users of either).

        Raises:
            MissingInputError: one of them has no audience.
            ConfigError: fewer than two, or more than 200.

        Example:
            >>> w.overlap([item, other]).count()
            1
        """
        from pyspark.sql import functions as F

        wanted = list(dict.fromkeys(items))
        if not 2 <= len(wanted) <= MOST_COMPARED:
            raise ConfigError(f"overlap: give 2 to {MOST_COMPARED} items, found {len(wanted)}")
        rows = self._audiences().where(F.col("item_id").isin(wanted)).select("item_id", "user_id")
        sizes = {row["item_id"]: row["count"] for row in rows.groupBy("item_id").count().collect()}
        if missing := next((item for item in wanted if item not in sizes), None):
            raise MissingInputError(f"no audience of '{missing}' in release {self.release_id}{self._meant(missing)}")
        return overlap(self.spark, rows, sizes, self.minimum)

    def report(self, item: str) -> DataFrame:
        """What `audience_report` found of an audience, one row: the verdict on its seeds, and what it rests on.

        Returns:
            verdict, says, advice, audience, seeds_matched, near, groups, stability, overlaps, warnings and the other
            columns of `audience_reports` (docs/tables.md). `table("audience_sizes")` has what to expect of each size.

        Raises:
            MissingInputError: there is no report; the message has the command that makes it.

        Example:
            >>> w.report(item).select("item_id").first()["item_id"] == item
            True
        """
        return of_audience(self, "audience_reports", item)[0]

    def why(self, item: str, user: object = None) -> DataFrame:
        """Who an audience is, or why a user is in it, from what `audience_report` has counted.

        Args:
            item: the item's id, or the name of your own list.
            user: a user id; without it, whole groups of people are described.

        Returns:
            Without a user: people (audience, seeds, `group 1`, …: groups of seeds), rank, feature, share (of these
            people who have it), everyone (share of all users), seeds (share of the seeds), lift (share / everyone), low
            (lower end of its 95 % interval), condition (in SQL over `user_fields`).
            With a user: group (of seeds, the nearest one to the user) and the features shared with it: rank, feature,
            share (of the group), everyone, lift. No row: nothing is shared, or the user is unknown.

        Raises:
            MissingInputError: there is no report; the message has the command that makes it.

        Example:
            >>> w.why(item).columns[:6]
            ['people', 'rank', 'feature', 'share', 'everyone', 'seeds']
            >>> w.why(item, "nobody").columns
            ['group', 'rank', 'feature', 'share', 'everyone', 'lift']
        """
        return features_of_people(self, item) if user is None else features_of_user(self, item, user)

    def _audiences(self) -> DataFrame:
        from pyspark.sql import functions as F

        return self.table("audiences").where(F.col("as_of") == F.lit(self.as_of))

    def _releases(self) -> DataFrame:
        missing = f"{self.path} is no warehouse with a release: run `pipeline`, or `publish`"
        return loaded(self.spark.read.format("delta").load, f"{self.path}/releases", missing)

    def _meant(self, item: str) -> str:
        """The nearest ids of items with an audience, for an error."""
        return meant(item, self._audiences().select("item_id"))
