"""User fields: what a model reads of a user, as indices and normalised numbers.

`index_batch` is what runs inside a Python worker, on Arrow batches; `join_profiles` prepares its input in Spark.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from ralm.config import Fields
from ralm.features.vocabularies import FieldSizes


def join_profiles(users: DataFrame, histories: DataFrame, fields: Fields) -> DataFrame:
    """Every user with their profile and the feature ids of their histories; users of only one table are included."""
    profile = [F.col(name).cast(kind).alias(name) for name, kind in fields.profiles.items()]
    ids = [
        F.transform(F.coalesce(F.col(f.domain), F.array()), lambda entry: entry["feature_id"]).alias(
            f"history_{f.domain}"
        )
        for f in fields.history
    ]
    return (
        users.select("user_id", *profile)
        .join(histories, "user_id", "full_outer")
        .select("user_id", *ids, *fields.profiles)
    )


def output_schema(sizes: FieldSizes, user_id: StructField) -> StructType:
    """The columns that `index_batch` returns."""
    columns = [StructField(spec.column, _spark_type(spec.ddl)) for spec in sizes.user_fields.specs]
    return StructType([StructField("user_id", user_id.dataType), *columns])


def _spark_type(ddl: str) -> DataType:
    kind = DataType.fromDDL(ddl)
    return ArrayType(kind.elementType, containsNull=False) if isinstance(kind, ArrayType) else kind


class FieldIndexer:
    """Looks up a batch of users: feature ids become indices, numbers become deviations from the mean."""

    def __init__(self, sizes: FieldSizes, tables: dict[str, list[str]]) -> None:
        self.sizes = sizes
        self.tables = tables

    @cached_property
    def _lookups(self) -> dict[str, pd.Index[Any]]:
        return {name: pd.Index(values, dtype=object) for name, values in self.tables.items()}

    def __getstate__(self) -> dict[str, object]:
        return {"sizes": self.sizes, "tables": self.tables}  # the hash tables are built once per worker

    def indices(self, name: str, values: pa.Array, buckets: int) -> npt.NDArray[Any]:
        """Index of each value: its rank, or one of `buckets` shared indices after the last rank; 0 for null."""
        words = np.asarray(values.to_numpy(zero_copy_only=False), object)
        found = np.asarray(self._lookups[name].get_indexer(pd.Index(words)))
        index = found.astype(np.int64) + 1
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            strange = values.take(pa.array(unknown)).fill_null("").to_numpy(zero_copy_only=False)
            bucket = pd.util.hash_array(strange.astype(object), categorize=False) % np.uint64(buckets)
            index[unknown] = 1 + len(self._lookups[name]) + bucket.astype(np.int64)
        if values.null_count:
            index[np.asarray(values.is_null())] = 0
        return index.astype(np.int32)

    def ranked(self, name: str) -> int:
        """How many features of the field have an index of their own."""
        return len(self.tables[name])

    def deviations(self, name: str, values: pa.Array) -> npt.NDArray[Any]:
        """Each number as deviations from the mean, 0 where it is missing."""
        statistics = self.sizes.normalisation[name]
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        # Clipped at five deviations: a long tail must not drown the other fields in the linear layer.
        scaled = np.clip((numbers - statistics.mean) / statistics.deviation, -5, 5)
        return np.where(np.isfinite(scaled), scaled, 0)

    def index_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of `join_profiles` -> a batch of user fields, in the order of `UserFields.columns`."""
        columns = {"user_id": batch.column("user_id")}
        columns |= {spec.column: spec.index(batch, self) for spec in self.sizes.user_fields.specs}
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
