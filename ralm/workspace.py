"""The face for notebooks: a warehouse's audiences, items and figures as DataFrames of the current release.

    import ralm
    w = ralm.open("warehouse/demo")
    w.audience("i01900", top=1000)

Everything is read lazily by Spark, in a plain session or over Spark Connect, at the table versions of one release.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.extend import Size, extended
from ralm.notebook.loading import folder_of, some_session
from ralm.notebook.overlap import compared, overlap
from ralm.notebook.pairs import scored_pairs
from ralm.notebook.recommendations import best_items
from ralm.notebook.release_tables import ReleaseTables
from ralm.notebook.reports import features_of_people, features_of_user, of_audience, share_with_lift
from ralm.notebook.sizes import asked, candidates, check_minimum, check_size, extent, reach

if TYPE_CHECKING:  # neither Spark nor a session is needed to import this file
    from pyspark.sql import DataFrame, SparkSession


def open_workspace(path: str, spark: SparkSession | None = None, release: str | dt.date | None = None) -> Workspace:
    """A warehouse, at one of its releases.

    Args:
        path: of the warehouse, on any file system that Spark knows; or catalog.schema, such as `spark_catalog.demo`, in
            which its tables are registered.
        spark: the session; default: the active one, otherwise a new one on this machine.
        release: its id, or the date of its users (the newest of that date counts); default: the current one.

    Raises:
        MissingInputError: there is no such warehouse or release.

    Example:
        >>> w = open_workspace(warehouse)
        >>> w.audience(item, top=3).count()
        3
    """
    session = some_session(path) if spark is None else spark
    return Workspace(session, folder_of(session, path), release)


class Workspace(ReleaseTables):
    """A warehouse at one release; made by `ralm.open`. Printing it says what it holds."""

    def items(self) -> DataFrame:
        """The items that have an audience, largest audience first.

        Returns:
            DataFrame: item_id, title, system (what scored it), users (in its audience), best and cutoff (highest and
            lowest score in it), published_at, categories. Your own lists are among them; their names begin with
            `list:`.

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
            DataFrame: user_id, score, percentile (1: the best), rank (1: the best).

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

    def extend(
        self,
        seeds: Any,
        exclude: Any = None,
        weights: Any = None,
        name: str | None = None,
        top: int | None = None,
        share: float | None = None,
        threshold: float | None = None,
        between: tuple[float, float] | None = None,
    ) -> DataFrame:
        """The users most like a list of yours, best first: what `extend_audience --system ralm` finds, nothing written.

        The list is described at once; everyone is scored whenever rows of the result are asked for. Ids that are empty,
        repeated or unknown are counted in a warning of one line.

        Args:
            seeds: user ids: a list, a pandas Series, or a DataFrame of Spark or pandas with the column `user_id`.
            exclude: users to keep out, in the same forms.
            weights: what each seed is worth, 0 or more: a column of the DataFrame, or as many numbers as seeds.
            name: of the list; the result then begins with the column `item_id` of this value.
            top: so many users.
            share: the best users up to this share of the candidates: of all but the seeds and the excluded.
            threshold: users with at least this score.
            between: users from one share of the candidates to another. Without any of these four: as
                `scoring.audience` of the release says; for its mode `threshold`, the share `scoring.probe_fraction`.

        Returns:
            DataFrame: user_id, score, percentile (1: the best), rank (1: the best).

        Raises:
            ConfigError: seeds or sizes that cannot be; another system than RALM scores the release.
            DataError: fewer known seeds than `lookalike.min_seeds`; no exclusion is a known user; no candidate is left.
            MissingInputError: the release has no record of its settings, or its model is gone.

        Example:
            >>> best = w.audience(item, top=20).select("user_id")
            >>> w.extend(best, top=5).columns
            ['user_id', 'score', 'percentile', 'rank']
        """
        return extended(self._model, seeds, exclude, Size(top, share, threshold, between), name, weights)

    def score(self, pairs: Any) -> DataFrame:
        """Given pairs of users and items with their scores as of the release's date: those of job `score_pairs`.

        Args:
            pairs: a DataFrame of Spark or pandas with the columns `user_id` and `item_id`; others are passed on. Items
                are 10,000 at most.

        Returns:
            DataFrame: the pairs in any order, and `score`: NULL where the user is unknown, or the item or its seeds
            are.

        Raises:
            ConfigError: a column is missing; more items; another system than RALM scores the release.
            MissingInputError: no item has seeds; the release has no record of its settings, or its model is gone.

        Example:
            >>> users = w.audience(item, top=3).selectExpr("user_id", f"'{item}' AS item_id")
            >>> w.score(users).where("score IS NULL").count()
            0
        """
        return scored_pairs(self._model, pairs)

    def recommendations(self, user: object) -> DataFrame:
        """The best items of a user among the scored ones, best first: rank, item_id, score.

        No row: the user is unknown, or was not scored.

        Example:
            >>> w.recommendations("nobody").count()
            0
        """
        from pyspark.sql import functions as F

        return best_items(self.table("recommendations").where(F.col("as_of") == F.lit(self.as_of)), user)

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
            DataFrame: score, share (of a sample of all users with at least this score), falling scores.

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
            DataFrame: item_id, other_id, users, other_users, both (null: fewer than `minimum`), share (both / the
            smaller of the two), jaccard (both / users of either).

        Raises:
            MissingInputError: one of them has no audience.
            ConfigError: fewer than two, or more than 200.

        Example:
            >>> w.overlap([item, other]).count()
            1
        """
        from pyspark.sql import functions as F

        wanted = compared(items)
        rows = self._audiences().where(F.col("item_id").isin(wanted)).select("item_id", "user_id")
        sizes = {row["item_id"]: row["count"] for row in rows.groupBy("item_id").count().collect()}
        if missing := next((item for item in wanted if item not in sizes), None):
            raise MissingInputError(f"no audience of '{missing}' in release {self.release_id}{self._meant(missing)}")
        return overlap(self.spark, rows, sizes, self.minimum)

    def report(self, item: str) -> DataFrame:
        """What `audience_report` found of an audience, one row: the verdict on its seeds, and what it rests on.

        Returns:
            DataFrame: verdict, says, advice, audience, seeds_matched, near, groups, stability, overlaps, warnings and
            the other columns of `audience_reports` (docs/tables.md). `table("audience_sizes")` has what to expect of
            each size.

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
            DataFrame: without a user, people (audience, seeds, `group 1`, …: groups of seeds), rank, feature, share (of
            these people who have it), everyone (share of all users), seeds (share of the seeds), lift (share /
            everyone), low (lower end of its 95 % interval), condition (in SQL over `user_fields`).
            With a user, group (of seeds, the nearest one to the user) and the features shared with it: rank, feature,
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
