"""The report's figures: one function each, plain arrays in, inline SVG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ralm.baselines.minhash import s_curve
from ralm.evaluation.figure_style import GRID, INK, MUTED, STYLE, svg
from ralm.evaluation.systems import colour, name

WITH, WITHOUT = "#0072B2", "#D55E00"


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


def metric_bars(panels: Mapping[str, Sequence[Bar]], label: str, baseline: float = 0.0) -> list[str]:
    """Horizontal bars with intervals: a figure a protocol, a bar a system, the same scale in all.

    Args:
        panels: title -> bars, in the order wanted.
        label: of the value axis.
        baseline: where bars start: 0.5 for an AUC, whose chance level that is.
    """
    every = [bar for bars in panels.values() for bar in bars]
    reach = [x for b in every for x in (b.value, b.low, b.high) if x is not None and np.isfinite(x)] + [baseline]
    span = (max(reach) - min(reach)) or 0.1
    left = min(reach) - (0.06 * span if min(reach) < baseline else 0)
    figures = []
    for title, bars in panels.items():
        with rc_context(STYLE):
            figure = Figure(figsize=(5.2, 0.36 * len(bars) + 0.95), layout="constrained")
            axes = figure.subplots()
            for place, bar in enumerate(bars):
                axes.barh(place, bar.value - baseline, 0.62, left=baseline, **_look(bar.system))
                end = max(bar.value, _whisker(axes, place, bar), baseline)
                axes.text(end + 0.025 * span, place, f"{bar.value:.3f}", va="center", fontsize=8.5)
            _systems_down(axes, [bar.system for bar in bars], baseline, label)
            axes.set_xlim(left, max(reach) + 0.2 * span)
            axes.set_title(title)
            figures.append(svg(figure, f"{title}: {label} by system, with 95 % intervals"))
    return figures


def head_tail_bars(head: Sequence[Bar], tail: Sequence[Bar], label: str, baseline: float = 0.0) -> str:
    """Two bars a system: on the head items, and (lighter) on the long tail.

    Args:
        head: bars on the most clicked tenth of the items.
        tail: bars on the others; systems in the order of `head`.
        label: of the value axis.
        baseline: where bars start.
    """
    systems = [bar.system for bar in head] + [b.system for b in tail if b.system not in {h.system for h in head}]
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 0.58 * len(systems) + 1.05), layout="constrained")
        axes = figure.subplots()
        reach = [baseline]
        for bars, offset, alpha in ((head, -0.2, 1.0), (tail, 0.2, 0.45)):
            for bar in bars:
                place = systems.index(bar.system) + offset
                axes.barh(place, bar.value - baseline, 0.36, left=baseline, alpha=alpha, **_look(bar.system))
                end = max(bar.value, _whisker(axes, place, bar), baseline)
                axes.annotate(
                    f"{bar.value:.3f}", (end, place), (4, 0), textcoords="offset points", va="center", fontsize=8
                )
                reach += [x for x in (bar.value, bar.low, end) if x is not None and np.isfinite(x)]
        span = (max(reach) - min(reach)) or 0.1
        axes.set_xlim(min(reach) - (0.06 * span if min(reach) < baseline else 0), max(reach) + 0.18 * span)
        _systems_down(axes, systems, baseline, label)
        axes.set_title("Full colour: head items.  Pale: long tail.", fontweight="normal", color=MUTED, fontsize=9)
        return svg(figure, f"{label} on head items and on the long tail")


def training_curves(loss: Sequence[Curve], validation: Sequence[Curve], unit: str, measure: str = "AUC") -> list[str]:
    """Training loss and the validation measure: a figure each, a line a model; one without curves is left out.

    Args:
        loss: training loss of each model; `label` is the model's name.
        validation: validation values of each model.
        unit: what a step is: 'epoch', 'round'.
        measure: what the validation values are.
    """
    figures = []
    for title, curves in (("Training loss", loss), (f"Validation {measure}", validation)):
        if not curves:
            continue
        with rc_context(STYLE):
            figure = Figure(figsize=(5.2, 2.7), layout="constrained")
            axes = figure.subplots()
            for curve in curves:
                tone = colour(curve.label)
                axes.plot(curve.steps, curve.values, marker="o", markersize=3.5, color=tone, label=name(curve.label))
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.set_xlabel(unit)
            axes.set_title(title)
            axes.legend()
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


def lorenz_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], gini: Mapping[str, float]) -> str:
    """Lorenz curves of exposure over items, against the even diagonal.

    Args:
        curves: name ('logged', 'recommended' …) -> (share of items, share of exposure), least exposed first.
        gini: name -> Gini coefficient, shown in the legend.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.9), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 2)), label="perfectly even (Gini 0)")
        for label, (items, exposure) in curves.items():
            axes.plot(items, exposure, color=colour(label), label=f"{name(label)} (Gini {gini[label]:.2f})")
            axes.fill_between(items, exposure, items, color=colour(label), alpha=0.06, linewidth=0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
        axes.set_xlabel("items, least exposed first")
        axes.set_ylabel("share of exposure")
        axes.legend(loc="upper left")
        return svg(figure, "Lorenz curves of exposure over items")


def parameter_histograms(fields: Mapping[str, Sequence[Bins]]) -> str:
    """The trained parameters of weak fields under each merge layer: near zero means that little was learnt.

    Args:
        fields: field -> a histogram a merge layer ('attention', 'concat'); drawn as densities.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 2.25 * len(fields)), layout="constrained")
        panels = np.atleast_1d(figure.subplots(len(fields), 1))
        for axes, (title, histograms) in zip(panels, fields.items(), strict=True):
            reach = max(_spread(bins) for bins in histograms)
            for bins in histograms:
                _, deviation = _moments(bins)
                tone = colour(bins.label)
                edges, density = _density(bins, reach)
                axes.stairs(density, edges, color=tone, linewidth=1.5, label=f"{bins.label} (s.d. {deviation:.2g})")
                axes.stairs(density, edges, color=tone, fill=True, alpha=0.18)
            axes.set_xlim(-reach, reach)
            axes.set_yticks([])
            axes.grid(axis="y", visible=False)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_title(title)
            axes.legend()
        panels[-1].set_xlabel("parameter value")
        return svg(figure, "Parameter histograms of weak fields by merge layer")


def freshness_histogram(seconds: Sequence[float]) -> str:
    """How many audiences were how old, from the newest click in them: bins of equal width on a logarithmic axis."""
    ages = np.maximum(np.asarray(seconds, dtype=np.float64), 1.0)
    edges = np.geomspace(ages.min() * 0.9, ages.max() * 1.1, 31)
    counts, _ = np.histogram(ages, edges)
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.stairs(counts, edges, fill=True, color=colour("ralm"))
        axes.axvline(float(np.median(ages)), color=WITHOUT, linewidth=1.3)
        axes.set_xscale("log")
        shown = [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (86_400, "1 day")]
        inside = [(at, label) for at, label in (*shown, (30 * 86_400, "30 days")) if edges[0] <= at <= edges[-1]]
        if inside:
            axes.set_xticks([at for at, _ in inside], [label for _, label in inside])
            axes.minorticks_off()
        axes.set_xlabel("from the newest click to the published audience (line: median)")
        axes.set_ylabel("audiences")
        return svg(figure, "Audiences by the time from their newest click to their publication")


def realised_shares(
    shares: Sequence[float], low: Sequence[float], high: Sequence[float], asked: float, promised: tuple[float, float]
) -> str:
    """What the threshold of each item lets through, least first, beside what was asked for (line) and promised (band).

    Args:
        shares: (items,) of the users.
        low: (items,) lower ends of their intervals.
        high: (items,) upper ends.
        asked: share of the users.
        promised: the band.
    """
    order = np.argsort(shares)
    values, bottom, top = (np.asarray(part, dtype=np.float64)[order] for part in (shares, low, high))
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.axhspan(*promised, color=GRID, alpha=0.7, label="promised by the probe (95 %)")
        axes.axhline(asked, color=WITHOUT, linewidth=1.3, label="asked for")
        axes.vlines(np.arange(len(values)), bottom, top, color=colour("ralm"), alpha=0.35, linewidth=1)
        axes.plot(values, ".", color=colour("ralm"), markersize=4, label="realised, with its interval")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("items, least exposed first")
        axes.set_ylabel("users above the threshold")
        axes.legend(loc="lower right")
        return svg(figure, "Share of the users above each item's exposure threshold")


def score_distribution(edges: npt.ArrayLike, counts: npt.ArrayLike, threshold: float | None) -> str:
    """The scores of all candidate users of an item; what lies above the exposure threshold is in full colour.

    Args:
        edges: (bins + 1,) of the scores.
        counts: (bins,) users.
        threshold: the cutoff; None: not drawn.
    """
    bounds, users = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.2, 1.75), layout="constrained")
        axes = figure.subplots()
        axes.stairs(users, bounds, fill=True, color=colour("ralm"), alpha=0.25)
        if threshold is not None:
            above = np.clip(bounds, threshold, None)
            axes.stairs(users, above, fill=True, color=colour("ralm"))
            axes.axvline(threshold, color=WITHOUT, linewidth=1.3)
            axes.annotate(
                f"threshold {threshold:.3f}",
                (threshold, 1),
                (-4, -4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right" if threshold > bounds.mean() else "left",
                va="top",
                fontsize=8.5,
                color=WITHOUT,
            )
        axes.set_yticks([])
        axes.set_ylim(0, 1.25 * max(users.max(), 1))
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("score")
        axes.set_ylabel("users")
        return svg(figure, "Distribution of an item's scores over users")


def candidate_curves(settings: Sequence[tuple[int, int]], similarities: npt.ArrayLike | None = None) -> str:
    """The chance to be a candidate by MinHash buckets over the Jaccard similarity with a seed: an S-curve a setting.

    Args:
        settings: (bands, rows) of each curve.
        similarities: of sampled users with their nearest seed; their histogram, to its own scale, shows on which part
            of the curves users lie. None: not drawn.
    """
    similarity = np.linspace(0, 1, 201)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        if similarities is not None:
            counts, edges = np.histogram(np.asarray(similarities, np.float64), 50, (0, 1))
            axes.stairs(counts / max(counts.max(), 1), edges, fill=True, color=GRID, label="users, nearest seed")
        for bands, rows in settings:
            label = f"{bands} bands of {rows}"
            axes.plot(similarity, s_curve(similarity, bands, rows), color=colour(label), label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1.005))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("Jaccard similarity with the seed")
        axes.set_ylabel("chance to be a candidate")
        axes.legend()
        return svg(figure, "Chance to be a candidate by Jaccard similarity, by bands and rows")


def _look(system: str) -> dict[str, Any]:
    """The oracle is outlined: it is what could be reached, not a competitor."""
    if system == "oracle":
        return {"color": "#ffffff", "edgecolor": colour(system), "linestyle": (0, (3, 2)), "linewidth": 1}
    return {"color": colour(system)}


def _systems_down(axes: Axes, systems: Sequence[str], baseline: float, label: str) -> None:
    """The axes that all bars of systems share: names down the side, values across, RALM in bold."""
    axes.set_yticks(range(len(systems)), [name(system) for system in systems])
    for tick, system in zip(axes.get_yticklabels(), systems, strict=True):
        tick.set_color(INK)
        tick.set_fontweight("bold" if system == "ralm" else "normal")
    axes.set_ylim(len(systems) - 0.4, -0.6)
    axes.axvline(baseline, color=MUTED, linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label + (" (0.5 is chance)" if baseline == 0.5 else ""))


def _whisker(axes: Axes, place: float, bar: Bar) -> float:
    """Draw the interval, if there is one; gives its upper end."""
    if bar.low is None or bar.high is None or not np.isfinite([bar.low, bar.high]).all():
        return bar.value
    axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.3, solid_capstyle="butt")
    for end in (bar.low, bar.high):
        axes.plot([end, end], [place - 0.11, place + 0.11], color=INK, linewidth=1.3)
    return bar.high


def _density(bins: Bins, reach: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Edges and densities of equally wide bins over [-reach, reach].

    TensorBoard's own bins are hair-thin near 0: a few exact zeros there would tower over everything else.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.asarray(bins.counts, dtype=np.float64))])
    edges = np.linspace(-reach, reach, 81)
    below = np.interp(edges, np.asarray(bins.edges, dtype=np.float64), cumulative)
    return edges, np.diff(below) / max(cumulative[-1], 1.0) / np.diff(edges)


def _moments(bins: Bins) -> tuple[float, float]:
    edges, weights = np.asarray(bins.edges, dtype=np.float64), np.asarray(bins.counts, dtype=np.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    mean = float(np.average(centres, weights=weights))
    return mean, float(np.sqrt(np.average((centres - mean) ** 2, weights=weights)))


def _spread(bins: Bins) -> float:
    """How far from 0 the axis must reach: a few far outliers would flatten everything else."""
    mean, deviation = _moments(bins)
    return abs(mean) + 4 * deviation or 1.0
