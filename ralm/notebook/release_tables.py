"""A warehouse at one release: its tables and its settings."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ralm.errors import MissingInputError
from ralm.notebook.loading import loaded, meant
from ralm.notebook.released_model import ReleasedModel
from ralm.notebook.releases import description, release_row

if TYPE_CHECKING:
    import datetime as dt

    from pyspark.sql import DataFrame, SparkSession


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

    def __repr__(self) -> str:
        return description(self.path, self._facts, self.minimum)

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
    def _model(self) -> ReleasedModel:
        return ReleasedModel(self)

    def _audiences(self) -> DataFrame:
        from pyspark.sql import functions as F

        return self.table("audiences").where(F.col("as_of") == F.lit(self.as_of))

    def _releases(self) -> DataFrame:
        reader = self.spark.read.format("delta")
        missing = f"{self.path} is no warehouse with a release: run `pipeline`, or `publish`"
        return loaded(reader.load, f"{self.path}/releases", missing)

    def _meant(self, item: str) -> str:
        """The nearest ids of items with an audience, for an error."""
        return meant(item, self._audiences().select("item_id"))
