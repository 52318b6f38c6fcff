"""What a table of the warehouse is: its columns with their types and descriptions, constraints and partitioning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pyspark.sql.types import DataType, StructField, StructType

STATISTICS = "delta.dataSkippingStatsColumns"
FOLLOWED = "delta.enableChangeDataFeed"
# Columns that readers filter on come first in the schemas; embeddings come later.
INDEXED = 8
_ORDERED = re.compile(r"(string|uid|date|timestamp|int|bigint|float|double)!?$")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the table.
        type: Spark SQL type; one that ends in `!` is NOT NULL; `uid` stands for the configured type of user ids.
        description: for readers, with the unit or range where it matters.
        holds: SQL condition that every row must meet, mostly of this column alone; empty: none. DuckDB reads it as
            Spark does, where `size` is a macro.
    """

    name: str
    type: str
    description: str
    holds: str = ""

    @property
    def required(self) -> bool:
        """Whether the column is NOT NULL."""
        return self.type.endswith("!")

    @property
    def present(self) -> str:
        """Name of the CHECK that stands for NOT NULL."""
        return f"{self.name}_is_there"

    def spark_type(self, user_id: str) -> str:
        """The Spark SQL type, with user ids of the given type."""
        return re.sub(r"\buid\b", user_id, self.type.removesuffix("!"))

    def spark_field(self, user_id: str) -> StructField:
        """The column in a Spark schema: Delta stores the metadata's `comment` as the column's comment."""
        metadata = {"comment": self.description}
        return StructField(self.name, DataType.fromDDL(self.spark_type(user_id)), not self.required, metadata)


@dataclass(frozen=True)
class Table:
    """A table of the warehouse.

    Attributes:
        name: of the table and its folder.
        description: one sentence for readers.
        columns: the listed columns.
        partition: the columns that it is partitioned by.
        checks: name -> condition on several columns; with those of single columns in `conditions`.
        further: what the columns beside the listed ones are; empty: there are no others.
        followed: whether its changes can be read as a stream (`Warehouse.changes`).
        whole: whether it is replaced as a whole, with its schema, which has no NOT NULL then: CHECKs stand for it.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    further: str = ""
    followed: bool = False
    whole: bool = False

    @property
    def statistics(self) -> tuple[str, ...]:
        """The columns whose lowest and highest values Delta keeps per file: of the first ones those with an order.

        Spark counts a boolean column's NULLs and keeps no lowest and highest value; delta-rs then takes the file for
        one of NULLs alone and leaves it out where the column is filtered.
        """
        first = [column for column in self.columns if column.name not in self.partition][:INDEXED]
        return tuple(column.name for column in first if _ORDERED.match(column.type))

    @property
    def conditions(self) -> dict[str, str]:
        """Name -> condition that Delta holds every row to (CHECK)."""
        there = {
            column.present: f"{column.name} IS NOT NULL" for column in self.columns if column.required and self.whole
        }
        return there | {f"{column.name}_holds": column.holds for column in self.columns if column.holds} | self.checks

    @property
    def properties(self) -> dict[str, str]:
        """Delta's table properties."""
        return {STATISTICS: ",".join(self.statistics), **({FOLLOWED: "true"} if self.followed else {})}

    @property
    def open(self) -> bool:
        """Whether the table takes more columns than are listed: which ones, the configuration says."""
        return bool(self.further)

    def schema(self, user_id: str) -> StructType:
        """The listed columns as a Spark schema with their descriptions, with user ids of the given type."""
        return StructType([column.spark_field(user_id) for column in self.columns])
