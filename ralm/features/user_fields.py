"""User fields: what a model reads of a user, as indices and normalised numbers.

`index_batch` is what runs inside a Python worker, on Arrow batches; `join_profiles` prepares its input in Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, FloatType, IntegerType, StructField, StructType

from ralm.config import Fields
from ralm.features.vocabularies import FieldSizes


def join_profiles(users: DataFrame, histories: DataFrame, fields: Fields) -> DataFrame:
    """Every user with their profile and the feature ids of their histories; a user of either table is there."""
    profile = [F.col(f.name).cast("string").alias(f.name) for f in fields.categorical]
    profile += [F.col(name).cast("double").alias(name) for name in fields.numeric]
    ids = [
        F.transform(F.coalesce(F.col(f.domain), F.array()), lambda entry: entry["feature_id"]).alias(
            f"history_{f.domain}"
        )
        for f in fields.history
    ]
    return (
        users.select("user_id", *profile)
        .join(histories, "user_id", "full_outer")
        .select("user_id", *ids, *[f.name for f in fields.categorical], *fields.numeric)
    )


def output_schema(sizes: FieldSizes, user_id: StructField) -> StructType:
    """The columns that `index_batch` returns."""
    fields = [StructField("user_id", user_id.dataType)]
    fields += [StructField(spec.column, ArrayType(IntegerType(), False)) for spec in sizes.user_fields.histories]
    fields += [StructField(spec.column, IntegerType()) for spec in sizes.user_fields.categories]
    if sizes.user_fields.numerics:
        fields.append(StructField("numeric", ArrayType(FloatType(), False)))
    return StructType(fields)


class FieldIndexer:
    """Looks up a batch of users: feature ids become indices, numbers become deviations from the mean."""

    def __init__(self, sizes: FieldSizes, tables: dict[str, list[str]]) -> None:
        self.sizes = sizes
        self.tables = tables

    @cached_property
    def _lookups(self) -> dict[str, pd.Index[Any]]:
        return {name: pd.Index(values, dtype=object) for name, values in self.tables.items()}

    def __getstate__(self) -> dict[str, object]:
        return {"sizes": self.sizes, "tables": self.tables}  # the hash tables are built once a worker

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

    def index_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of `join_profiles` -> a batch of user fields, in the order of `UserFields.columns`."""
        rows = batch.num_rows
        columns: list[pa.Array] = [batch.column("user_id")]
        names = ["user_id"]
        for spec in self.sizes.user_fields.histories:
            lists = batch.column(spec.column)
            buckets = spec.size - 1 - len(self.tables[spec.domain])
            flat = self.indices(spec.domain, lists.flatten(), buckets)
            columns.append(_fixed_length(flat, np.diff(lists.offsets.to_numpy()), spec.length))
            names.append(spec.column)
        for category in self.sizes.user_fields.categories:
            columns.append(pa.array(self.indices(category.name, batch.column(category.name), 1)))
            names.append(category.column)
        if self.sizes.user_fields.numerics:
            columns.append(self._numeric(batch, rows))
            names.append("numeric")
        return pa.RecordBatch.from_arrays(columns, names)

    def _numeric(self, batch: pa.RecordBatch, rows: int) -> pa.Array:
        names: Sequence[str] = self.sizes.user_fields.numerics
        matrix = np.zeros((rows, len(names)), np.float32)  # (users, numerics)
        for position, name in enumerate(names):
            statistics = self.sizes.normalisation[name]
            values = batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            # Five deviations: a long tail must not drown the other fields of the linear layer.
            scaled = np.clip((values - statistics.mean) / statistics.deviation, -5, 5)
            matrix[:, position] = np.where(np.isfinite(scaled), scaled, 0)
        return _lists(matrix.reshape(-1), len(names), rows)


def _fixed_length(flat: npt.NDArray[Any], lengths: npt.NDArray[Any], width: int) -> pa.Array:
    padded = np.zeros((len(lengths), width), np.int32)
    starts = np.cumsum(lengths) - lengths
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(flat)) - np.repeat(starts, lengths)
    kept = place < width
    padded[row[kept], place[kept]] = flat[kept]
    return _lists(padded.reshape(-1), width, len(lengths))


def _lists(values: npt.NDArray[Any], width: int, rows: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), pa.array(values))
