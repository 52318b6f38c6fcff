"""The Delta tables: their columns, constraints and partitioning.

Column names here are the contract with downstream readers (docs/tables.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql.types import DataType, StructField, StructType


@dataclass(frozen=True)
class Table:
    """A table of the warehouse.

    `columns` are (name, Spark SQL type); a type that ends in `!` is NOT NULL. `open` tables take more columns than
    are listed (profile columns, one column a field): which ones, the configuration says. User ids stay as they came:
    `uid` stands for the configured type, string or bigint.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    partition: tuple[str, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    open: bool = False
    properties: dict[str, str] = field(default_factory=dict)

    def types(self, user_id: str) -> dict[str, str]:
        """Column -> Spark SQL type, with user ids of the given type."""
        return {name: re.sub(r"\buid\b", user_id, kind.removesuffix("!")) for name, kind in self.columns}

    def schema(self, user_id: str) -> StructType:
        """The listed columns as a Spark schema, with user ids of the given type."""
        required = {name for name, kind in self.columns if kind.endswith("!")}
        return StructType(
            [
                StructField(name, DataType.fromDDL(kind), name not in required)
                for name, kind in self.types(user_id).items()
            ]
        )


def _table(name: str, columns: str, partition: str = "", **rest: Any) -> Table:
    pairs = tuple((c.split(" ", 1)[0], c.split(" ", 1)[1]) for c in columns.split("; "))
    return Table(name, pairs, tuple(partition.split()), **rest)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table("users", "as_of date!; user_id uid!", "as_of", open=True),
        _table("items", "item_id string!; published_at timestamp; categories array<string>", open=True),
        _table(
            "events",
            "user_id uid!; domain string!; feature_id string!; event_time timestamp!; event_date date!",
            "event_date",
        ),
        _table(
            "impressions",
            "user_id uid!; item_id string!; shown_at timestamp!; clicked boolean!; domain string!; shown_date date!",
            "shown_date",
            properties={"delta.enableChangeDataFeed": "true"},
        ),
        _table("quarantine", "source string!; reason string!; row string; run_id string!", "source"),
        _table(
            "vocabularies",
            "vocabulary_version string!; field string!; feature_id string!; index int!; frequency bigint!",
            "vocabulary_version",
            checks={"index_positive": "index > 0", "frequency_positive": "frequency > 0"},
        ),
        _table("histories", "as_of date!; user_id uid!", "as_of", open=True),
        _table("user_fields", "as_of date!; vocabulary_version string!; user_id uid!", "as_of", open=True),
        _table(
            "user_samples",
            "representation string!; as_of date!; validation boolean!; user_key bigint!; positives array<int>!; "
            "negatives array<int>!",
            "representation as_of validation",
            open=True,
        ),
        _table(
            "user_embeddings",
            "as_of date!; model_version string!; user_id uid!; embedding array<float>!",
            "as_of model_version",
        ),
        _table(
            "item_seeds",
            "as_of date!; purpose string!; item_id string!; draw int!; seed_count int!; clickers bigint!; "
            "seeds array<struct<user_id:uid,clicked_at:timestamp>>!",
            "as_of purpose",
            checks={"seed_count_is_size": "seed_count = size(seeds)"},
        ),
        _table(
            "live_seeds",
            "item_id string!; seeds array<struct<user_id:uid,clicked_at:timestamp>>!; seed_count int!; "
            "clickers bigint!; sketch binary!; changes bigint!; changed_at timestamp!; item_bucket int!",
            "item_bucket",
            checks={"seed_count_is_size": "seed_count = size(seeds)"},
            # A merge then marks the rows that it replaces and writes no others.
            properties={"delta.enableDeletionVectors": "true"},
        ),
        _table(
            "lookalike_samples",
            "as_of date!; model_version string!; validation boolean!; embedding array<float>!; item_index int!; "
            "label float!; log_rows float!; clicked array<int>!",
            "as_of model_version validation",
        ),
        _table(
            "seed_clusters",
            "as_of date!; purpose string!; model_version string!; round int!; item_id string!; draw int!; "
            "centroids array<float>!; sizes array<int>!; inertia double!; cluster_metric string!; "
            "global_embedding array<float>",
            "as_of purpose model_version",
        ),
        _table(
            "target_embeddings",
            "as_of date!; model_version string!; user_id uid!; bias float!; embedding array<float>!",
            "as_of model_version",
        ),
        _table(
            "audiences",
            "as_of date!; item_id string!; user_id uid!; score double!; percentile double!; system string!; "
            "scored_at timestamp!; item_bucket int!",
            "as_of system item_bucket",
            checks={"percentile_range": "percentile >= 0 AND percentile <= 1"},
        ),
        _table(
            "recommendations",
            "as_of date!; system string!; user_id uid!; item_ids array<string>!; scores array<double>!",
            "as_of system",
        ),
        _table(
            "thresholds",
            "as_of date!; system string!; item_id string!; cutoff double!; probe_size bigint!; "
            "top_fraction double!; quantiles array<double>!; realised double; realised_low double; "
            "realised_high double; realised_users bigint",
            "as_of system",
        ),
        _table(
            "score_histograms",
            "as_of date!; system string!; item_id string!; bin int!; low double!; high double!; count bigint!",
            "as_of system",
        ),
        _table(
            "freshness",
            "as_of date!; model_version string!; release_id string!; item_id string!; system string!; "
            "seed_count int!; changes bigint!; clicked_at timestamp!; scored_at timestamp!; published_at timestamp!",
            "as_of",
        ),
        _table(
            "live_exposures",
            "round int!; policy string!; user_id uid!; item_id string!; shown_at timestamp!; clicked boolean!; "
            "explored boolean!",
            "round",
        ),
        _table(
            "live_items",
            "round int!; at timestamp!; item_id string!; published_at timestamp!; categories array<string>!; "
            "seeds int!; system string; audience bigint!",
            "round",
        ),
        _table(
            "scored_pairs",
            "as_of date!; pairs string!; user_id uid!; item_id string!; at timestamp; score double!; system string!",
            "pairs as_of",
        ),
        _table(
            "feature_rankings",
            "as_of date!; system string!; item_id string!; rank int!; feature string!; weight double!",
            "as_of system",
        ),
        _table(
            "runs",
            "run_id string!; step string!; as_of date; state string!; token string!; attempt bigint!; "
            "config_hash string!; inputs map<string,bigint>!; outputs map<string,bigint>!; counts map<string,bigint>!; "
            "started_at timestamp!; ended_at timestamp; message string",
        ),
        _table("checks", "run_id string!; step string!; name string!; passed boolean!; value double; detail string"),
        _table(
            "releases",
            "release_id string!; created_at timestamp!; as_of date!; tables map<string,bigint>!; "
            "models map<string,string>!; metrics map<string,double>!; current boolean!",
        ),
        _table(
            "comparison_pairs",
            "as_of date!; split string!; family string!; item_id string!; user_id uid!; role string!; position int!; "
            "weak boolean!",
            "as_of split family",
            checks={"known_role": "role IN ('seed', 'held_out', 'shown')"},
        ),
        _table(
            "comparisons",
            "as_of date!; split string!; family string!; system string!; protocol string!; item_id string!; "
            "segment string!; metric string!; value double!",
            "as_of split family system",
        ),
        _table(
            "metrics",
            "run_id string!; as_of date!; system string!; protocol string!; split string!; metric string!; "
            "value double!; low double; high double; items bigint",
            "as_of",
        ),
    )
}
