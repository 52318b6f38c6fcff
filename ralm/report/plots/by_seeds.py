"""The figure of the comparison: a metric over the number of seeds, one line per system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ralm.report.plots.style import STYLE, svg
from ralm.report.system_names import colour, name

MARKERS = "osD^vPXhd*"


class Point(NamedTuple):
    """A value at a place of the axis of seeds, with its 95 % interval (None or NaN: not drawn)."""

    place: int
    value: float
    low: float | None = None
    high: float | None = None


def by_seeds(lines: Mapping[str, Sequence[Point]], labels: Sequence[str], measure: str) -> str:
    """One line per system, error bars side by side, RALM drawn on top.

    Args:
        lines: system -> its points; legend in this order.
        labels: of the places, by number of seeds.
        measure: what the values are.
    """
    step = min(0.05, 0.5 / max(1, len(lines)))
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.6 + 0.19 * ((len(lines) + 1) // 2)), layout="constrained")
        axes = figure.subplots()
        for row, (system, points) in enumerate(lines.items()):
            shift = (row - (len(lines) - 1) / 2) * step
            values = [point.value for point in points]
            spans = [
                [value if end is None or end != end else end for end, value in zip(ends, values, strict=True)]
                for ends in ([point.low for point in points], [point.high for point in points])
            ]
            own = system == "ralm"
            axes.errorbar(
                [point.place + shift for point in points],
                values,
                yerr=[
                    [value - low for value, low in zip(values, spans[0], strict=True)],
                    [high - value for value, high in zip(values, spans[1], strict=True)],
                ],
                color=colour(system),
                marker=MARKERS[row % len(MARKERS)],
                markersize=5 if own else 4,
                linewidth=2.4 if own else 1.3,
                elinewidth=1.1,
                capsize=2,
                zorder=3 if own else 2,
                label=name(system),
            )
        axes.set_xticks(range(len(labels)), list(labels))
        axes.set_xlim(-0.4, len(labels) - 0.6)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("seeds per item")
        axes.set_title(measure)
        figure.legend(loc="outside lower center", ncols=2)
        return svg(figure, f"{measure} by number of seeds, one line per system, with 95 % intervals")
