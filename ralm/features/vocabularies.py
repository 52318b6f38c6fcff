"""Vocabularies: the most frequent features of each field, ranked; frozen for the life of a model."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import Fields
from ralm.field_specs import UserFields


class Normalisation(BaseModel):
    """Mean and deviation of a numeric field, over the users who have it."""

    model_config = ConfigDict(frozen=True)

    mean: float
    deviation: float


class FieldSizes(BaseModel):
    """What a model must know of the fields: their order and sizes, and how the numerics are normalised."""

    model_config = ConfigDict(frozen=True)

    version: str
    user_fields: UserFields
    normalisation: dict[str, Normalisation] = {}


def build_vocabularies(events: DataFrame, users: DataFrame, fields: Fields, until: dt.date) -> DataFrame:
    """Rank each field's features by frequency.

    Args:
        events: (user_id, domain, feature_id, event_time …), without held-out items.
        users: profile columns.
        fields: which fields, and how many features each keeps.
        until: events at or after this midnight (UTC) are not counted.

    Returns:
        (field, feature_id, index, frequency): index 1 is the most frequent, ties by feature_id; at most
        `vocabulary` rows per field. The window is cut to the newest ranks before its shuffle (Spark's group limit), so
        a domain with 10^8 features moves only the head of each partition.
    """
    sizes = {field.domain: field.vocabulary for field in fields.history}
    counted = (
        events.where((F.col("event_time") < F.lit(until)) & F.col("domain").isin(list(sizes)))
        .groupBy(F.col("domain").alias("field"), "feature_id")
        .agg(F.count("*").alias("frequency"))
    )
    for field in fields.categorical:
        sizes[field.name] = field.vocabulary
        value = F.col(field.name).cast("string")
        counted = counted.unionByName(
            users.where(value.isNotNull())
            .groupBy(F.lit(field.name).alias("field"), value.alias("feature_id"))
            .agg(F.count("*").alias("frequency"))
        )
    newest = Window.partitionBy("field").orderBy(F.desc("frequency"), "feature_id")
    limit = F.coalesce(*[F.when(F.col("field") == name, F.lit(size)) for name, size in sizes.items()])
    ranked = counted.withColumn("index", F.row_number().over(newest)).where(F.col("index") <= max(sizes.values()))
    return ranked.where(F.col("index") <= limit).select("field", "feature_id", "index", "frequency")


def field_sizes(vocabularies: DataFrame, users: DataFrame, fields: Fields, version: str) -> FieldSizes:
    """Sizes and normalisation for a finished vocabulary: the driver gets one row per field."""
    counts = {
        row["field"]: row["size"] for row in vocabularies.groupBy("field").agg(F.count("*").alias("size")).collect()
    }
    statistics: dict[str, Normalisation] = {}
    if fields.numeric:
        row = users.agg(
            *[F.avg(name).alias(f"{name}.mean") for name in fields.numeric],
            *[F.stddev_pop(name).alias(f"{name}.deviation") for name in fields.numeric],
        ).first()
        assert row is not None
        for name in fields.numeric:
            deviation = row[f"{name}.deviation"] or 0.0
            statistics[name] = Normalisation(
                mean=row[f"{name}.mean"] or 0.0, deviation=deviation if deviation > 0 else 1.0
            )
    return FieldSizes(
        version=version,
        user_fields=UserFields.of(fields, counts),
        normalisation=statistics,
    )


def lookup_tables(vocabularies: DataFrame, sizes: FieldSizes) -> dict[str, list[str]]:
    """Field -> its features, most frequent first: bounded by the configured sizes, sent to the workers."""
    frame = vocabularies.select("field", "index", "feature_id").toPandas()
    ordered = frame.sort_values(["field", "index"])
    tables = {str(field): group["feature_id"].tolist() for field, group in ordered.groupby("field", sort=False)}
    for spec in sizes.user_fields.specs:
        if spec.vocabulary is not None:
            tables.setdefault(spec.vocabulary, [])
    return tables
