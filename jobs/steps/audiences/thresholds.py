"""The tables `thresholds` and `score_histograms`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.insight.small_counts import merged_bins
from ralm.runs.step import RunningStep
from ralm.scoring.realised import realised_share
from ralm.scoring.thresholds import histogram, histogram_edges, quantiles
from ralm.warehouse.schemas import TABLES


def write_thresholds(
    step: RunningStep,
    system: str,
    items: Sequence[str],
    probed: list[NDArray[np.float64]],
    cutoffs: list[float],
    others: list[NDArray[np.float64]],
    where: dict[str, Any],
) -> None:
    """Write no row for an item without candidates in the probe; `others` are scores of users who were not probed."""
    fraction = step.context.config.scoring.probe_fraction
    rows = []
    for item, scores, cut, further in zip(items, probed, cutoffs, others, strict=True):
        if len(scores):
            found = realised_share(further, cut)
            realised = (None, None, None, None) if found is None else astuple(found)
            rows.append((step.as_of, system, item, cut, len(scores), fraction, quantiles(scores), *realised))
    frame = step.context.spark.createDataFrame(rows, TABLES["thresholds"].schema(step.context.warehouse.user_id))
    step.replace("thresholds", frame.coalesce(1), **where)


def write_histograms(
    step: RunningStep, system: str, items: Sequence[str], sample: NDArray[np.float64], where: dict[str, Any]
) -> None:
    """Write the histogram of each item's scores in a sample (users, items): the bins that hold users, equally wide.

    Bins of fewer users than `privacy.minimum` are put together with their neighbours.
    """
    finite = sample[np.isfinite(sample)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    low, high = float(np.floor(low * 10) / 10), float(np.ceil(high * 10) / 10)
    edges = histogram_edges(low, high if high > low else low + 0.1)
    filled, minimum = [], step.context.config.privacy.minimum
    for item, scores in zip(items, sample.T, strict=True):
        counts = histogram(scores[np.isfinite(scores)], edges)  # (bins,)
        filled += [
            (step.as_of, system, item, first, float(edges[first]), float(edges[last + 1]), held)
            for first, last, held in merged_bins(counts, minimum)
        ]
    schema = "as_of date, system string, item_id string, bin int, low double, high double, count bigint"
    frame = step.context.spark.createDataFrame(filled, schema)
    step.replace("score_histograms", frame.coalesce(1), **where)
