"""Tables of users as the jobs write them, filled with hashes."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.field_specs import CategorySpec, HistorySpec, UserFields

ITEMS = 100_000
FIELDS = UserFields(
    histories=[HistorySpec(domain="reading", length=30, size=ITEMS + 2)]
    + [HistorySpec(domain=domain, length=20, size=20_002) for domain in ("shopping", "search", "music")],
    categories=[CategorySpec(name=name, size=200) for name in ("city", "device", "channel")],
    numerics=["tenure", "activity"],
)


def hashed(name: str, *keys: Column | str) -> Column:
    """A number in [0, 1) of the keys."""
    return F.shiftrightunsigned(F.xxhash64(F.lit(name), *keys), 11) / F.lit(float(2**53))


def log_uniform(name: str, size: int, *keys: Column | str) -> Column:
    """A number in [1, size]; rank k has a frequency of 1 / k."""
    return F.least(F.pow(F.lit(float(size + 1)), hashed(name, *keys)), F.lit(size)).cast("int")


def log_uniform_array(name: str, length: int, size: int) -> Column:
    """`count` numbers in [1, size] from `id`."""
    return F.transform(F.sequence(F.lit(1), F.lit(length)), lambda place: log_uniform(name, size, F.col("id"), place))


def user_fields(spark: SparkSession, users: int) -> DataFrame:
    """Rows of `user_fields`: user_id and the columns of `FIELDS`; half of each history is padding."""
    columns = [F.col("id").alias("user_id")]
    for history in FIELDS.histories:
        filled = log_uniform_array(history.domain, history.length // 2, history.size - 1)
        padding = F.array_repeat(F.lit(0), history.length - history.length // 2)
        columns.append(F.concat(filled, padding).alias(history.column))
    columns += [log_uniform(spec.name, spec.size - 1, "id").alias(spec.column) for spec in FIELDS.categories]
    numbers = [(hashed(name, "id") - 0.5).cast("float") for name in FIELDS.numerics]
    return spark.range(users).select(*columns, F.array(*numbers).alias("numeric"))
