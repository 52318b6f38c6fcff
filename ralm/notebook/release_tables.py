"""A warehouse at one release: its tables and its settings."""

from __future__ import annotations

import datetime as dt
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ralm.errors import MissingInputError
from ralm.notebook.loading import loaded, meant
from ralm.notebook.own_lists import of_lists, released_and_own
from ralm.notebook.released_model import ReleasedModel
from ralm.notebook.releases import description, release_row

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from ralm.insight.chained import Chained


class ReleaseTables:
    """A warehouse at one release. Printing it says what it holds.

    Attributes:
        spark: the session.
        path: of the warehouse.
        release_id: the release that is read.
        as_of: the date of its users and seeds.
        versions: table -> version.
        models: `user_model` and `lookalike` -> version.
        minimum: fewest people that are shown: `privacy.minimum` of the release; 0 where there is no such setting.
    """

    def __init__(self, spark: SparkSession, path: str, release: str | dt.date | None) -> None:
        self.spark, self.path = spark, path
        found = release_row(self._releases(), path, release)
        self.release_id: str = found["release_id"]
        self.as_of: dt.date = found["as_of"]
        self.versions: dict[str, int] = dict(found["tables"])
        self.models: dict[str, str] = dict(found["models"])
        self._facts = found
        kept = json.loads(found.get("configuration") or "{}")
        self.minimum: int = kept.get("privacy", {}).get("minimum") or 0
        self._system: str | None = kept.get("scoring", {}).get("system")

    def __repr__(self) -> str:
        return description(self.path, self._facts, self.minimum, *self._counts)

    def table(self, name: str) -> DataFrame:
        """A table: of the release at its version, any other as it is now.

        Raises:
            MissingInputError: there is none of this name.

        Example:
            >>> w.table("items").where("item_id = 'none'").count()
            0
        """
        return self._read(name, self.versions.get(name))

    def releases(self) -> DataFrame:
        """All releases, newest first: release_id, created_at, as_of, current, note, metrics, models, tables.

        Example:
            >>> w.releases().where("current").count()
            1
        """
        columns = ("release_id", "created_at", "as_of", "current", "note", "metrics", "models", "tables")
        return self._releases().select(*columns).orderBy("created_at", ascending=False)

    @property
    def configuration(self) -> dict[str, Any]:
        """The settings that the release was made with, by section: as given, otherwise as the data chose them.

        `scoring.system` names what scored the audiences. Passwords and keys were never kept: they are `***`.

        Raises:
            MissingInputError: the release is older than this record.

        Example:
            >>> w.configuration["lookalike"]["min_seeds"]
            5
        """
        text = self._facts.get("configuration")
        if text is None:
            raise MissingInputError(
                f"release {self.release_id} in {self.path} has no record of its settings: an older version published "
                "it; run job 'publish' with --force"
            )
        found: dict[str, Any] = json.loads(text)
        return found

    @cached_property
    def _counts(self) -> tuple[int, int]:
        """How many items have an audience, and how many of your own lists; read from small tables."""
        from pyspark.sql import functions as F

        lists = of_lists(self._read("audiences"), self.as_of).select("item_id").distinct()
        with_cutoff = self.table("thresholds").where(F.col("as_of") == F.lit(self.as_of)).select("item_id").distinct()
        return with_cutoff.join(lists, "item_id", "left_anti").count(), lists.count()

    @property
    def _judged_as_of(self) -> dt.date | None:
        """The date of the users who were judged; None: the release is older than this record."""
        kept = json.loads(self._facts.get("configuration") or "{}")
        try:
            return dt.date.fromisoformat(kept["dates"]["a2"])
        except (KeyError, TypeError, ValueError):  # a share or a word, as it was set
            return None

    @cached_property
    def _model(self) -> ReleasedModel:
        return ReleasedModel(self)

    def _read(self, name: str, version: int | None = None) -> DataFrame:
        """A table at a version; None: as it is now."""
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return loaded(reader.load, f"{self.path}/{name}", f"no table '{name}' in {self.path}")

    def _audiences(self) -> DataFrame:
        """The audiences of the release, and those of your own lists as they are now."""
        return released_and_own(self.table("audiences"), self._read("audiences"), self.as_of)

    def _chained(self, users: DataFrame, total: int) -> Chained | None:
        """The audience that most of so many users of a list are in, without having been its seeds."""
        from pyspark.sql import functions as F

        from ralm.insight.chained import chained

        made = self._read("audiences").where(F.col("as_of") == F.lit(self.as_of))
        return chained(made, self.table("item_seeds"), users, total, lambda: self._model.users)

    def _releases(self) -> DataFrame:
        reader = self.spark.read.format("delta")
        missing = f"{self.path} is no warehouse with a release: run `pipeline`, or `publish`"
        return loaded(reader.load, f"{self.path}/releases", missing)

    def _no_audience(self, item: str) -> MissingInputError:
        near = meant(item, self._audiences().select("item_id"))
        return MissingInputError(f"no audience of '{item}' in release {self.release_id}{near}")
