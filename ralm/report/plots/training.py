"""Figures of training: loss and validation, parameters, the attention on fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ralm.report.plots.marks import WITH, WITHOUT, Bins, Curve, density, moments, spread
from ralm.report.plots.style import INK, MUTED, STYLE, svg
from ralm.report.system_names import colour, name


def training_curves(loss: Sequence[Curve], validation: Sequence[Curve], unit: str, measure: str = "AUC") -> list[str]:
    """Training loss and the validation measure: one figure each, one line per model; without curves, no figure.

    Args:
        loss: training loss of each model; `label` is the model's name.
        validation: validation values of each model.
        unit: name of a step: 'epoch', 'round'.
        measure: name of the validation values.
    """
    figures = []
    for title, curves in (("Training loss", loss), (f"Validation {measure}", validation)):
        if not curves:
            continue
        with rc_context(STYLE):
            figure = Figure(figsize=(4.6, 2.5 + 0.2 * ((len(curves) + 1) // 2)), layout="constrained")
            axes = figure.subplots()
            for curve in curves:
                tone = colour(curve.label)
                axes.plot(curve.steps, curve.values, marker="o", markersize=3.5, color=tone, label=name(curve.label))
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.set_xlabel(unit)
            axes.set_title(title)
            figure.legend(loc="outside lower center", ncols=2)  # beside the lines, never over them
            figures.append(svg(figure, f"{title} by {unit}"))
    return figures


def field_attention(fields: Sequence[str], strong: Sequence[float], weak: Sequence[float], domain: str) -> str:
    """Mean attention on each user field, for users with and without the strong domain.

    Args:
        fields: (fields,) names.
        strong: (fields,) mean attention of users that have the strong domain; each sums to 1.
        weak: (fields,) the same for users without it.
        domain: the strong domain's name.
    """
    place = np.arange(len(fields))
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 0.5 * len(fields) + 1.2), layout="constrained")
        axes = figure.subplots()
        for offset, values, tone, label in (
            (-0.2, strong, WITH, f"users with {domain} history"),
            (0.2, weak, WITHOUT, f"users without {domain} history"),
        ):
            bars = axes.barh(place + offset, values, 0.36, color=tone, label=label)
            axes.bar_label(bars, [f"{100 * value:.0f} %" for value in values], padding=3, fontsize=8)
        axes.axvline(1 / len(fields), color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
        axes.set_yticks(place, list(fields))
        for tick in axes.get_yticklabels():
            tick.set_color(INK)
        axes.set_ylim(len(fields) - 0.45, -0.55)
        axes.set_xlim(0, 1.15 * max(*strong, *weak))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("mean attention (dashed: equal over fields)")
        figure.legend(loc="outside upper left", ncols=2)
        return svg(figure, f"Mean field attention with and without the {domain} domain")


def parameter_histograms(fields: Mapping[str, Sequence[Bins]]) -> list[str]:
    """The trained parameters of weak fields under each merge layer: near zero, little was learnt. A figure per field.

    Args:
        fields: field -> one histogram per merge layer ('attention', 'concat'), drawn as densities.
    """
    figures = []
    for title, histograms in fields.items():
        with rc_context(STYLE):
            figure = Figure(figsize=(4.6, 2.3), layout="constrained")
            axes = figure.subplots()
            reach = max(spread(bins) for bins in histograms)
            for bins in histograms:
                _, deviation = moments(bins)
                tone = colour(bins.label)
                edges, heights = density(bins, reach)
                axes.stairs(heights, edges, color=tone, linewidth=1.5, label=f"{bins.label} (s.d. {deviation:.2g})")
                axes.stairs(heights, edges, color=tone, fill=True, alpha=0.18)
            axes.set_xlim(-reach, reach)
            axes.set_yticks([])
            axes.grid(axis="y", visible=False)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_title(title)
            axes.set_xlabel("parameter value")
            figure.legend(loc="outside lower center", ncols=2)
            figures.append(svg(figure, f"Parameters of the field {title} by merge layer"))
    return figures
