"""Names for the tables of a warehouse in a schema of a catalog: they stay where they are."""

from __future__ import annotations

from pyspark.sql import SparkSession

from ralm.errors import ConfigError


class NamedTables:
    """A schema in which a warehouse's tables have names.

    Args:
        spark: the session.
        schema: catalog.schema; made if it is missing.

    Raises:
        ConfigError: the catalog forgets its names when the session ends.
    """

    def __init__(self, spark: SparkSession, schema: str) -> None:
        self.spark = spark
        self.schema = schema
        kept = spark.conf.get("spark.sql.catalogImplementation", "in-memory")
        if schema.startswith("spark_catalog.") and kept == "in-memory":
            raise ConfigError(
                f"catalog {schema}: this session keeps its names in memory only; give it a metastore (spark.conf: "
                "spark.sql.catalogImplementation: hive), or name another catalog"
            )
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def name(self, table: str, path: str) -> None:
        """Give a table its name, if it has none.

        Args:
            table: its name in the warehouse.
            path: where it lies.

        Raises:
            ConfigError: there is another table of that name.
        """
        full = f"{self.schema}.`{table}`"
        self.spark.sql(f"CREATE TABLE IF NOT EXISTS {full} USING DELTA LOCATION '{path}'")
        detail = self.spark.sql(f"DESCRIBE DETAIL {full}").select("location").first()
        found = "" if detail is None else str(detail["location"])
        if _plain(found) != _plain(path):
            raise ConfigError(
                f"catalog {self.schema}: its table '{table}' lies at {found}, that of this warehouse at {path}; name "
                "another schema, or drop that table"
            )


def _plain(location: str) -> str:
    """Without `file:` and its slashes, however many they are."""
    scheme, colon, rest = location.partition(":")
    return "/" + rest.lstrip("/") if colon and scheme == "file" else location.rstrip("/")
