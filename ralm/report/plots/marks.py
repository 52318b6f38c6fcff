"""What several figures draw: bars, curves, histograms, and how a system looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ralm.report.system_names import colour

WITH, WITHOUT = "#0072B2", "#D55E00"
DARK = "#A34700"  # text of the second colour, which as it is has too little contrast for letters


class Bar(NamedTuple):
    """A system's value and its 95 % interval (None or NaN: not drawn)."""

    system: str
    value: float
    low: float | None = None
    high: float | None = None


class Curve(NamedTuple):
    """A series over epochs or rounds."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


class Bins(NamedTuple):
    """A histogram: `edges` (bins + 1,), `counts` (bins,)."""

    label: str
    edges: Sequence[float]
    counts: Sequence[float]


def look(system: str) -> dict[str, Any]:
    """How a system's bar is drawn. The oracle is outlined: it shows what can be reached and is not a competitor."""
    if system == "oracle":
        return {"color": "#ffffff", "edgecolor": colour(system), "linestyle": (0, (3, 2)), "linewidth": 1}
    return {"color": colour(system)}


def density(bins: Bins, reach: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Edges and densities of equally wide bins over [-reach, reach].

    TensorBoard's own bins are hair-thin near 0, where a few exact zeros would tower over everything else.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.asarray(bins.counts, dtype=np.float64))])
    edges = np.linspace(-reach, reach, 81)
    below = np.interp(edges, np.asarray(bins.edges, dtype=np.float64), cumulative)
    return edges, np.diff(below) / max(cumulative[-1], 1.0) / np.diff(edges)


def moments(bins: Bins) -> tuple[float, float]:
    """Mean and standard deviation."""
    edges, weights = np.asarray(bins.edges, dtype=np.float64), np.asarray(bins.counts, dtype=np.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    mean = float(np.average(centres, weights=weights))
    return mean, float(np.sqrt(np.average((centres - mean) ** 2, weights=weights)))


def spread(bins: Bins) -> float:
    """How far from 0 the axis reaches: a few far outliers must not flatten everything else."""
    mean, deviation = moments(bins)
    return abs(mean) + 4 * deviation or 1.0
