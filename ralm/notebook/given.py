"""Lists of users as notebooks hold them: Python lists, numpy arrays, pandas, Spark DataFrames."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# A Spark DataFrame of more distinct ids than these stays there.
HELD = 100_000


@dataclass(frozen=True)
class Given:
    """A list of users.

    Attributes:
        ids: (id string, count bigint), each id once; null where there was none. With weights also `value` double, the
            sum of the id's.
        counts: the same as id -> count, if the driver holds them.
    """

    ids: DataFrame
    counts: dict[str | None, int] | None

    def known(self, user_id: str) -> DataFrame:
        """(user_id), typed; ids that cannot be of this type are left out, so that 007 is no user 7. Also `value`."""
        from pyspark.sql import functions as F

        from ralm.ingest.ids import typed_id

        typed = typed_id(F.col("id"), user_id)
        return self.ids.select(typed.alias("user_id"), *self.values).where(F.col("user_id").isNotNull())

    @property
    def values(self) -> list[str]:
        """The column of the weights, if there are any."""
        return [name for name in self.ids.columns if name == "value"]


def given_users(spark: SparkSession, users: Any, what: str, weights: Any = None) -> Given:
    """A list of user ids.

    Args:
        spark: the session.
        users: a Spark or pandas DataFrame with the column `user_id` or only one, a pandas Series, a numpy array, or any
            iterable of texts and whole numbers.
        what: seeds or exclusions, for the errors.
        weights: what each row is worth, 0 or more: a column of the DataFrame, or as many numbers as there are ids.

    Raises:
        ConfigError: it is something else, or has several columns and none is `user_id`; weights that cannot be.
    """
    if hasattr(users, "sparkSession"):
        return _of_spark(users, what, weights)
    if isinstance(weights, str):
        if weights not in getattr(users, "columns", ()):
            raise ConfigError(f"{what}: no column {weights} of weights")
        names = [name for name in users.columns if name != weights]
        users, weights = users[_id_column(names, what)], users[weights]
    if hasattr(users, "columns"):
        users = users[_id_column(list(users.columns), what)]
    if isinstance(users, (str, bytes)) or not isinstance(users, Iterable):
        raise ConfigError(
            f"{what}: a list of user ids, a pandas Series or a DataFrame expected, found {type(users).__name__}; read "
            "a file with pandas or Spark first, or give it to `extend_audience --seeds`"
        )
    ids = [_text(user, what) for user in users]
    counts = dict(Counter(ids))
    if weights is None:
        return Given(_held(spark, counts), counts)
    numbers = [_weight(number, what) for number in weights]
    if len(numbers) != len(ids):
        raise ConfigError(f"{what}: {len(ids):,} ids and {len(numbers):,} weights")
    sums: dict[str | None, float] = dict.fromkeys(counts, 0.0)
    for key, number in zip(ids, numbers, strict=True):
        sums[key] += number
    return Given(_held(spark, counts, value=[sums[key] for key in counts]), counts)


def _held(spark: SparkSession, counts: dict[str | None, int], **values: list[float]) -> DataFrame:
    """(id, count, and `values`), as an Arrow table: Spark knows its size, and plans joins by it."""
    import pyarrow as pa

    columns = {"id": pa.array(counts, pa.string()), "count": pa.array(counts.values(), pa.int64())}
    return spark.createDataFrame(
        pa.table(columns | {name: pa.array(held, pa.float64()) for name, held in values.items()})
    )


def _weight(number: Any, what: str) -> float:
    try:
        found = float(number)
    except (TypeError, ValueError):
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise ConfigError(f"{what}: {number!r} is no weight: a number of 0 or more expected")
    return found


def _of_spark(users: DataFrame, what: str, weights: Any) -> Given:
    from pyspark.sql import functions as F

    if weights is not None and weights not in users.columns:
        raise ConfigError(f"{what}: no column {weights} of weights; it has {', '.join(users.columns)}")
    name = _id_column([column for column in users.columns if column != weights], what)
    kind = next(field.dataType.typeName() for field in users.schema.fields if field.name == name)
    if kind not in ("string", "byte", "short", "integer", "long"):
        raise ConfigError(f"{what}: column {name} is {kind}; ids are text or whole numbers")
    text = F.trim(F.col(f"`{name}`").cast("string"))
    columns, sums = [F.when(text != "", text).alias("id")], [F.count("*").alias("count")]
    if weights is not None:
        number = F.col(f"`{weights}`").try_cast("double")
        wrong = (
            users.where(~F.coalesce((number >= 0) & (number < math.inf), F.lit(False))).select(f"`{weights}`").first()
        )
        if wrong is not None:
            _weight(wrong[0], what)
        columns.append(number.alias("value"))
        sums.append(F.sum("value").alias("value"))
    ids = users.select(*columns).groupBy("id").agg(*sums)
    held = ids.limit(HELD + 1).toArrow()
    if held.num_rows > HELD:
        return Given(ids, None)
    counts = dict(zip(held.column("id").to_pylist(), held.column("count").to_pylist(), strict=True))
    return Given(users.sparkSession.createDataFrame(held), counts)


def _id_column(names: list[str], what: str) -> str:
    if "user_id" in names or len(names) == 1:
        return "user_id" if "user_id" in names else names[0]
    raise ConfigError(f"{what}: no column user_id; it has {', '.join(map(str, names))}")


def _text(user: Any, what: str) -> str | None:
    """An id as text; None: there is none. pandas holds whole numbers with gaps as decimals."""
    import numpy as np

    if user is None or user != user:
        return None
    if isinstance(user, str):
        return user.strip() or None
    number = isinstance(user, (int, float, np.integer, np.floating)) and not isinstance(user, bool)
    # A decimal of more digits than it holds exactly is no id any more.
    if not number or (not isinstance(user, (int, np.integer)) and (user % 1 or abs(user) >= 2**53)):
        raise ConfigError(f"{what}: {user!r} is no user id: text or a whole number expected")
    return str(int(user))
