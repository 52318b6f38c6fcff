"""How figures get into the table `metrics` (no job itself)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ralm.evaluation.report_data import MetricRow
from ralm.evaluation.summary import summarise
from ralm.runs import RunningStep


def metric_rows(values: pd.DataFrame, resamples: int, seed: int) -> list[MetricRow]:
    """Means over items with bootstrap intervals."""
    table = summarise(values, resamples, seed, ("system", "protocol", "segment", "metric"))
    return [MetricRow(**row) for row in table.to_dict("records")]  # type: ignore[arg-type]


def write_metrics(step: RunningStep, split: str, protocols: Sequence[str], rows: Sequence[MetricRow]) -> None:
    """Replace the figures of these protocols at the step's date; those of others stay.

    Args:
        step: its date is `as_of`.
        split: test or validation.
        protocols: all that the rows belong to.
        rows: those without a value are left out.
    """
    content = [
        (
            step.record.run_id,
            step.as_of,
            row.system,
            row.protocol,
            split if row.segment == "all" else f"{split}/{row.segment}",
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
    step.replace("metrics", frame, "metrics", as_of=step.as_of, protocol=list(protocols))
