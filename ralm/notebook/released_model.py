"""The look-alike model of a release, and the users whom it scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ralm.notebook.model import Settings, released_weights
from ralm.notebook.workers import Function, over_files

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame, SparkSession


class Tables(Protocol):
    """A workspace, as far as its model needs it."""

    spark: SparkSession
    path: str
    release_id: str
    as_of: dt.date
    models: dict[str, str]

    @property
    def configuration(self) -> dict[str, Any]:
        """The settings of the release."""

    def table(self, name: str) -> DataFrame:
        """A table by its name."""


class ReleasedModel:
    """The look-alike model of a workspace; what was read once is kept.

    Args:
        tables: the workspace.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._files: dict[int, list[str]] = {}
        self.spark, self.release_id = tables.spark, tables.release_id

    @cached_property
    def settings(self) -> Settings:
        """How the release scores.

        Raises:
            MissingInputError: it has no record of its settings.
            ConfigError: another system than RALM scores it.
        """
        return Settings.of(self._tables.configuration)

    @cached_property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """The weights, centred on the users as of the release's date."""
        folder = f"{self._tables.path}/_models/lookalike/{self._tables.models['lookalike']}"
        return released_weights(self.spark, folder, self._tables.as_of)

    @cached_property
    def users(self) -> int:
        """How many users there are."""
        return self.targets.count()

    @cached_property
    def user_id(self) -> str:
        """The type of user ids."""
        return dict(self.targets.dtypes)["user_id"]

    @cached_property
    def targets(self) -> DataFrame:
        """(user_id, bias, embedding) of all users: after the tower."""
        return self._of("target_embeddings", "lookalike").select("user_id", "bias", "embedding")

    @cached_property
    def embeddings(self) -> DataFrame:
        """(user_id, embedding) of all users: raw."""
        return self._of("user_embeddings", "user_model").select("user_id", "embedding")

    @cached_property
    def clusters(self) -> DataFrame:
        """(item_id, centroids, sizes) of the items' seeds: no click after the release's date is among them."""
        rows = self._of("seed_clusters", "lookalike").where("purpose = 'production'")
        return rows.select("item_id", "centroids", "sizes")

    def over_users(self, users: DataFrame, run: Function, schema: str) -> DataFrame:
        """`users.mapInArrow(run, schema)` of `targets` or `embeddings`; workers read files of this machine directly."""
        files = self._files.get(id(users))
        if files is None:
            # Spark Connect gives a part of a message, which does not travel with a function.
            files = self._files[id(users)] = list(users.inputFiles())
        if not files or not all(file.startswith(("file:", "/")) for file in files):
            return users.mapInArrow(run, schema)
        places = self.spark.range(0, len(files), 1, len(files))
        return places.mapInArrow(over_files(run, files, users.columns), schema)

    def _of(self, name: str, model: str) -> DataFrame:
        from pyspark.sql import functions as F

        version = F.col("model_version") == self._tables.models[model]
        return self._tables.table(name).where((F.col("as_of") == F.lit(self._tables.as_of)) & version)
