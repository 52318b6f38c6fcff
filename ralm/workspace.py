"""The face for notebooks: a warehouse's audiences, items and figures as DataFrames of the current release.

    import ralm
    w = ralm.open("warehouse/demo")
    w.audience("i01900", top=1000)

Everything is read lazily by Spark, in a plain session or over Spark Connect, at the table versions of one release.
Over 300 lines because what a user may ask for is documented here, method by method.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.extend import Size, extended
from ralm.notebook.figures import of_the_night
from ralm.notebook.loading import folder_of, some_session
from ralm.notebook.one_system import one_system
from ralm.notebook.overlap import compared, overlap
from ralm.notebook.pairs import scored_pairs
from ralm.notebook.recommendations import best_items, with_titles
from ralm.notebook.release_tables import ReleaseTables
from ralm.notebook.reports import features_of_people, features_of_user, of_audience, share_with_lift
from ralm.notebook.sizes import asked, candidates, check_minimum, check_size, extents, reach

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
            lowest score in it), published_at, categories, url, as_of. Your own lists are among them, as they are now,
            since no release holds them: their names begin with `list:`, and `as_of` may lie before the release.

        Raises:
            MissingInputError: the tables of the release are gone.

        Example:
            >>> w.items().columns[:6]
            ['item_id', 'title', 'system', 'users', 'best', 'cutoff']
        """
        from pyspark.sql import functions as F

        audiences = self._audiences().groupBy("item_id", "system", "as_of")
        sizes = audiences.agg(F.count("*").alias("users"), F.max("score").alias("best"), F.min("score").alias("cutoff"))
        known = self.table("items").select("item_id", "title", "published_at", "categories", "url")
        shown = ("item_id", "title", "system", "users", "best", "cutoff", "published_at", "categories", "url", "as_of")
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
        system: str | None = None,
    ) -> DataFrame:
        """The users in the audience of an item or of your own list, best first.

        Give at most one way to say how many; without any, it is the whole audience. The audience of a list is the
        newest one that `extend_audience` made; if it is older than the release, a warning says so.

        Args:
            item: the item's id, or the name of your own list.
            top: so many users.
            share: the best users up to this share of all that were scored, such as .01; its own seeds are none of them.
            threshold: users with at least this score.
            between: users from one share of all to another, such as (.01, .02): the second percent.
            lift: the largest size, up to all that it keeps, in which hidden seeds were so many times as frequent as by
                chance (`report`).
            system: what made the audience, if several systems did; default: what scored the release.

        Returns:
            DataFrame: user_id, score, percentile (1: the best), rank (1: the best).

        Raises:
            MissingInputError: the item has no audience; for `lift`, no report.
            ConfigError: several ways at once; more users than it keeps, or fewer than `minimum`; no size has the lift;
                several systems made the audience, and none of them scored the release.

        Example:
            >>> w.audience(item, share=0.05).columns
            ['user_id', 'score', 'percentile', 'rank']
        """
        from pyspark.sql import Window
        from pyspark.sql import functions as F

        if sum(way is not None for way in (top, share, threshold, between, lift)) > 1:
            raise ConfigError("audience: give one of top, share, threshold, between and lift")
        rows = self._audiences().where(F.col("item_id") == item)
        made = extents(rows)
        if not made:
            raise self._no_audience(item)
        system = one_system(item, made, system, self._system)
        rows, kept = rows.where(F.col("system") == system), made[system]
        if kept.as_of < self.as_of:
            again = f"it is as of {kept.as_of}, the release as of {self.as_of}: run `extend_audience` again"
            warnings.warn(f"audience of '{item}': {again}", stacklevel=2)
        chosen_from = candidates(self.table("item_seeds"), kept, item)
        if lift is not None:
            share = share_with_lift(self, item, lift)
            share = share if share * chosen_from < kept.users else None  # all that it keeps
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

        The list is described at once; everyone is scored whenever rows of the result are asked for. A warning of one
        line counts ids that are empty, repeated or unknown, and says if the list is itself an audience.

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
            >>> mine = [row["user_id"] for row in w.table("impressions").where("clicked").limit(200).collect()]
            >>> w.extend(sorted(set(mine)), top=5).columns
            ['user_id', 'score', 'percentile', 'rank']
        """
        size = Size(top, share, threshold, between)
        return extended(self._model, seeds, exclude, size, name, weights, self._chained)

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
        """The best items of a user among the scored ones, best first.

        Args:
            user: a user id.

        Returns:
            DataFrame: rank (1: the best), item_id, score, title. No row: the user is unknown, or was not scored.

        Raises:
            MissingInputError: the tables of the release are gone.

        Example:
            >>> w.recommendations("nobody").count()
            0
        """
        from pyspark.sql import functions as F

        best = best_items(self.table("recommendations").where(F.col("as_of") == F.lit(self.as_of)), user)
        return with_titles(best, self.table("items")).orderBy("rank")

    def metrics(self) -> DataFrame:
        """The figures of the release, measured on those who came after A2: not those of earlier nights.

        Returns:
            DataFrame: as_of (date of the users who were judged), system (`ralm - popularity`: a difference on the same
            items), protocol, split, metric, value, low and high (95 % interval), items.

        Raises:
            MissingInputError: the tables of the release are gone.

        Example:
            >>> w.metrics().where("system = 'ralm'").isEmpty()
            False
        """
        columns = ("as_of", "system", "protocol", "split", "metric", "value", "low", "high", "items")
        figures = of_the_night(self.table("metrics"), self._judged_as_of, self.as_of)
        return figures.select(*columns).orderBy("protocol", "split", "metric", "value")

    def curve(self, item: str, system: str | None = None) -> DataFrame:
        """Reach against similarity: which share of users has at least which score.

        Args:
            item: the item's id, or the name of your own list.
            system: as in `audience`.

        Returns:
            DataFrame: score, share (of a sample of all users with at least this score), falling scores.

        Raises:
            MissingInputError: the item has no histogram.
            ConfigError: several systems made its audience, and none of them scored the release.

        Example:
            >>> w.curve(item).columns
            ['score', 'share']
        """
        from pyspark.sql import functions as F

        made = extents(self._audiences().where(F.col("item_id") == item))
        if not made:
            raise self._no_audience(item)
        system = one_system(item, made, system, self._system)
        rows = self.table("score_histograms").where(F.col("as_of") == F.lit(made[system].as_of))
        rows = rows.where((F.col("item_id") == item) & (F.col("system") == system))
        if rows.isEmpty():
            raise MissingInputError(f"no histogram of '{item}' by {system}: an older version made its audience")
        return reach(rows)

    def overlap(self, items: Sequence[str], system: str | None = None) -> DataFrame:
        """How much the audiences of items have in common, each pair once, most alike first.

        Args:
            items: ids, or names of your own lists; 200 at most.
            system: as in `audience`.

        Returns:
            DataFrame: item_id, other_id, users, other_users, both (null: fewer than `minimum`), share (both / the
            smaller of the two), jaccard (both / users of either), title, other_title.

        Raises:
            MissingInputError: one of them has no audience.
            ConfigError: fewer than two, or more than 200; several systems made an audience, as in `audience`.

        Example:
            >>> w.overlap([item, other]).count()
            1
        """
        from pyspark.sql import functions as F

        wanted = compared(items)
        rows = self._audiences().where(F.col("item_id").isin(wanted)).select("item_id", "system", "user_id")
        made: dict[str, dict[str, int]] = {item: {} for item in wanted}
        for row in rows.groupBy("item_id", "system").count().collect():
            made[row["item_id"]][row["system"]] = row["count"]
        if missing := next((item for item in wanted if not made[item]), None):
            raise self._no_audience(missing)
        by = {item: one_system(item, made[item], system, self._system) for item in wanted}
        chosen = F.struct("item_id", "system").isin([F.struct(F.lit(item), F.lit(name)) for item, name in by.items()])
        sizes = {item: made[item][name] for item, name in by.items()}
        found = overlap(self.spark, rows.where(chosen).select("item_id", "user_id"), sizes, self.minimum)
        titled = with_titles(with_titles(found, self.table("items")), self.table("items"), "other_")
        return titled.orderBy(F.desc_nulls_last("jaccard"), "item_id", "other_id")

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
            share (of the group), everyone, lift. No row: nothing is shared, or the user is unknown. The page of
            `audience_report` shows the same of the ten best users, with the attention of their fields.

        Raises:
            MissingInputError: there is no report; the message has the command that makes it.
            ConfigError: one user is asked for, and nothing may be shown of so few people (`minimum`).

        Example:
            >>> w.why(item).columns[:6]
            ['people', 'rank', 'feature', 'share', 'everyone', 'seeds']
            >>> w.why(item, "nobody").columns
            ['group', 'rank', 'feature', 'share', 'everyone', 'lift']
        """
        if user is None:
            return features_of_people(self, item)
        if self.minimum > 1:
            raise ConfigError(
                f"why: nothing is shown of fewer than {self.minimum:,} people (privacy.minimum of this release)"
            )
        return features_of_user(self, item, user)
