"""NOT NULL and CHECK for tables of an earlier release: new tables are created with them."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from ralm.errors import DataError
from ralm.warehouse.table import Table


def add_constraints(
    spark: SparkSession, place: str, table: Table, stored: StructType, properties: Mapping[str, str]
) -> None:
    """Add the constraints that a table lacks; Delta reads the columns once to see that its rows meet them.

    Args:
        spark: the session.
        place: the table's name in SQL.
        table: what it should be.
        stored: its schema.
        properties: its properties; Delta keeps constraints among them, in small letters.

    Raises:
        DataError: there are rows that do not meet one.
    """
    wanted = dict(table.conditions)
    # Delta cannot turn a column that may be NULL into one that may not: a CHECK stands for it.
    wanted |= {
        column.present: f"`{column.name}` IS NOT NULL"
        for column in table.columns
        if column.required and column.name in stored.names and stored[column.name].nullable
    }
    known = {key.lower() for key in properties}
    for name, condition in wanted.items():
        if f"delta.constraints.{name}".lower() in known:
            continue
        try:
            spark.sql(f"ALTER TABLE {place} ADD CONSTRAINT {name} CHECK ({condition})")
        except PySparkException as error:
            raise DataError(
                f"table '{table.name}': rows of {place} do not meet {condition}, as another release wrote them; remove "
                f"the table's folder, or set another `warehouse` ({' '.join(str(error).split())[:200]})"
            ) from error
