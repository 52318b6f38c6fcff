"""No table is missed when a user is forgotten: each is known to hold users, or to hold sums alone."""

import re

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.forgetting.tables import TRACED
from ralm.warehouse.holders import AGGREGATES, LAST, LIST_ROWS, TRACES, holders, with_ids, with_lists
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.vector_keys import vector_keys


def test_every_table_has_one_place() -> None:
    """A new table fails here until it is said what of a single user is in it."""
    placed = [*with_ids(), *with_lists(), *TRACES, *AGGREGATES]
    assert sorted(placed) == sorted(TABLES)


def test_a_column_of_ids_is_never_taken_for_a_sum() -> None:
    typed = {name for name, table in TABLES.items() for column in table.columns if re.search(r"\buid\b", column.type)}
    assert typed == {*with_ids(), *with_lists()}
    assert with_lists().keys() == LIST_ROWS.keys()


def test_each_trace_has_its_way_out() -> None:
    assert TRACED.keys() == TRACES.keys()


def test_what_tells_of_other_tables_goes_last() -> None:
    assert tuple(holders()[-len(LAST) :]) == LAST


@pytest.mark.spark
def test_the_key_of_a_vector_is_that_of_spark(spark: SparkSession) -> None:
    drawn = np.random.default_rng(1).normal(size=(50, 17)).astype(np.float32)
    drawn[0], drawn[1, 3], drawn[2, 5] = 0.0, -0.0, np.float32(1e-40)
    frame = spark.createDataFrame([(row,) for row in drawn.tolist()], "vector array<float>")
    expected = [row[0] for row in frame.select(F.xxhash64("vector")).collect()]
    assert vector_keys(drawn).tolist() == expected
