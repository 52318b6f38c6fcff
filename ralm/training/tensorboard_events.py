"""Scalar and histogram series read back from TensorBoard's event files, for the report's curves and figures."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tensorboard.backend.event_processing.event_accumulator import HISTOGRAMS, SCALARS, EventAccumulator

from ralm.errors import MissingInputError

Array = npt.NDArray[np.float64]


class Scalars(NamedTuple):
    """`steps` (n,) int64 and `values` (n,), in the order of the steps."""

    steps: npt.NDArray[np.int64]
    values: Array


class Histogram(NamedTuple):
    """`edges` (bins + 1,) finite and increasing, `counts` (bins,)."""

    step: int
    edges: Array
    counts: Array


class Events:
    """The event files of one run: everything under a folder on a local disk."""

    def __init__(self, folder: str | Path) -> None:
        """Read the files.

        Raises:
            MissingInputError: the folder holds no event files.
        """
        if not any(Path(folder).glob("*tfevents*")):
            raise MissingInputError(f"TensorBoard events: none in {folder}; train the model to have them written")
        # 0 keeps every entry; by default a series is thinned to a random sample
        self._events = EventAccumulator(str(folder), size_guidance={SCALARS: 0, HISTOGRAMS: 0})
        self._events.Reload()

    @property
    def scalar_tags(self) -> list[str]:
        """Tags of the scalar series, sorted."""
        return sorted(self._events.Tags()[SCALARS])

    @property
    def histogram_tags(self) -> list[str]:
        """Tags of the histogram series, sorted."""
        return sorted(self._events.Tags()[HISTOGRAMS])

    def scalars(self, tag: str) -> Scalars:
        """One scalar series; a step written twice (a resumed run) counts with its newest value.

        Raises:
            MissingInputError: there is no such tag; the known ones are named.
        """
        if tag not in self.scalar_tags:
            raise MissingInputError(f"TensorBoard scalar '{tag}': not written; known: {self.scalar_tags}")
        entries = sorted(self._events.Scalars(tag), key=lambda entry: float(entry.wall_time))
        newest = dict(sorted({int(entry.step): float(entry.value) for entry in entries}.items()))
        return Scalars(np.array(list(newest), dtype=np.int64), np.array(list(newest.values())))

    def histograms(self, tag: str) -> list[Histogram]:
        """One histogram series, in the order of the steps; steps whose histogram is empty are left out.

        Raises:
            MissingInputError: there is no such tag; the known ones are named.
        """
        if tag not in self.histogram_tags:
            raise MissingInputError(f"TensorBoard histogram '{tag}': not written; known: {self.histogram_tags}")
        newest = {}
        for entry in sorted(self._events.Histograms(tag), key=lambda entry: float(entry.wall_time)):
            value = entry.histogram_value
            if sum(value.bucket) > 0:
                edges = _edges(value.bucket_limit, value.min, value.max)
                newest[int(entry.step)] = Histogram(int(entry.step), edges, np.asarray(value.bucket, dtype=np.float64))
        return [newest[step] for step in sorted(newest)]


def _edges(limits: list[float], low: float, high: float) -> Array:
    """Bucket edges: only right-hand limits are written, and the last one may be the largest double."""
    right = np.asarray(limits, dtype=np.float64)
    first = min(low, float(np.nextafter(right[0], -np.inf)))
    edges: Array = np.r_[first, right]
    previous = edges[-2]
    edges[-1] = min(edges[-1], max(high, float(np.nextafter(previous, np.inf))))
    return edges
