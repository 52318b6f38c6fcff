"""Writes figures into the table `metrics`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from ralm.config.names import SYSTEM
from ralm.evaluation.summary import compare, summarise
from ralm.report.data import Difference, MetricRow
from ralm.runs.step import RunningStep

SEGMENTS = ("weak", "strong", "head", "tail")


def metric_rows(values: pd.DataFrame, resamples: int, seed: int) -> list[MetricRow]:
    """Means over items with bootstrap intervals."""
    table = summarise(values, resamples, seed, ("system", "protocol", "segment", "metric"))
    return [MetricRow(**row) for row in table.to_dict("records")]  # type: ignore[arg-type]


def difference_rows(values: pd.DataFrame, resamples: int, seed: int) -> list[Difference]:
    """RALM against every other system, paired over the items that both have."""
    table = compare(values, SYSTEM, resamples, seed, ("protocol", "segment", "metric"))
    return [Difference(**row) for row in table.to_dict("records")]  # type: ignore[arg-type]


def write_metrics(
    step: RunningStep,
    split: str,
    protocols: Sequence[str],
    rows: Sequence[MetricRow],
    as_of: dt.date | None = None,
) -> None:
    """Replace the figures of these protocols and this split as of a date; all other figures stay.

    Args:
        step: the running step.
        split: test or validation.
        protocols: every protocol that the rows belong to.
        rows: the figures; rows without a value are left out.
        as_of: the date of the users; default: the step's.
    """
    as_of = as_of or step.as_of
    content = [
        (
            step.record.run_id,
            as_of,
            row.system,
            row.protocol,
            _split(split, row.segment),
            row.metric,
            float(row.value),
            row.low,
            row.high,
            row.items,
        )
        for row in rows
        if row.value is not None
    ]
    schema = (
        "run_id string, as_of date, system string, protocol string, split string, metric string, value double, "
        "low double, high double, items bigint"
    )
    frame = step.context.spark.createDataFrame(content, schema).coalesce(1)
    splits = [_split(split, segment) for segment in dict.fromkeys(["all", *SEGMENTS, *(row.segment for row in rows)])]
    step.replace("metrics", frame, "metrics", as_of=as_of, protocol=list(protocols), split=splits)


def _split(split: str, segment: str) -> str:
    return split if segment == "all" else f"{split}/{segment}"
