"""Spark settings that the tables and their readers rely on: no configuration may set them otherwise."""

from __future__ import annotations

# Put into every session (ralm/spark/session.py), and equal in conf/spark/*.conf.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Times in the tables are UTC whatever the machine's zone.
    "spark.sql.session.timeZone": "UTC",
    # petastorm and pyarrow read the files themselves and would see the deleted rows of a file with a deletion vector.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Otherwise a name in the lambda of an expression may stand for a column that the same select makes, such as the
    # item that a mapping calls user_id, in place of the raw column (ralm/ingest/expressions.py).
    "spark.sql.lateralColumnAlias.enableImplicitResolution": "false",
    # Nanoseconds, pandas' default, stop Spark's reader otherwise; ralm/ingest/parquet_files.py makes times of them.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Statistics for the columns that readers filter on; embeddings come later in the schemas.
    "spark.databricks.delta.properties.defaults.dataSkippingNumIndexedCols": "8",
}
# Spark's own defaults, on which the meaning of values and expressions depends.
MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # A backslash before a quote is part of no literal otherwise: values of the data would end their literal.
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
FIXED = {**REQUIRED, **MEANING}
