"""Figures of audiences: exposure, thresholds, scores, freshness, candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ralm.baselines.minhash import s_curve
from ralm.insight.found_again import Size
from ralm.report.plots.marks import DARK, WITHOUT
from ralm.report.plots.style import GRID, MUTED, STYLE, svg
from ralm.report.system_names import colour, name


def lorenz_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], gini: Mapping[str, float]) -> str:
    """Lorenz curves of exposure over items, against the even diagonal.

    Args:
        curves: name ('logged', 'recommended' …) -> (share of items, share of exposure), least exposed first.
        gini: name -> Gini coefficient, shown in the legend.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 4.5), layout="constrained")
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
        figure.legend(loc="outside lower center")
        return svg(figure, "Lorenz curves of exposure over items")


def freshness_histogram(seconds: Sequence[float]) -> str:
    """How old audiences were at publication, from their newest click: bins of equal width on a logarithmic axis."""
    ages = np.maximum(np.asarray(seconds, dtype=np.float64), 1.0)
    edges = np.geomspace(ages.min() * 0.9, ages.max() * 1.1, 31)
    counts, _ = np.histogram(ages, edges)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.8, 2.5), layout="constrained")
        axes = figure.subplots()
        axes.stairs(counts, edges, fill=True, color=colour("ralm"))
        axes.axvline(float(np.median(ages)), color=WITHOUT, linewidth=1.3)
        axes.set_xscale("log")
        shown = [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (86_400, "1 day")]
        inside = [(at, label) for at, label in (*shown, (30 * 86_400, "30 days")) if edges[0] <= at <= edges[-1]]
        if inside:
            axes.set_xticks([at for at, _ in inside], [label for _, label in inside])
            axes.minorticks_off()
        axes.set_xlabel("from the newest click to the audience (line: median)")
        axes.set_ylabel("audiences")
        return svg(figure, "Audiences by the time from their newest click to their publication")


def realised_shares(
    shares: Sequence[float], low: Sequence[float], high: Sequence[float], asked: float, promised: tuple[float, float]
) -> str:
    """The share that each item's threshold lets through, least first; line: asked for, band: promised by the probe.

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
        figure = Figure(figsize=(4.8, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.axhspan(*promised, color=GRID, alpha=0.7, label="promised by the probe (95 %)")
        axes.axhline(asked, color=WITHOUT, linewidth=1.3, label="asked for")
        axes.vlines(np.arange(len(values)), bottom, top, color=colour("ralm"), alpha=0.35, linewidth=1)
        axes.plot(values, ".", color=colour("ralm"), markersize=4, label="realised, with its interval")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("items, least exposed first")
        axes.set_ylabel("users above the threshold")
        figure.legend(loc="outside lower center")
        return svg(figure, "Share of the users above each item's exposure threshold")


def score_distribution(edges: npt.ArrayLike, counts: npt.ArrayLike, threshold: float | None) -> str:
    """The scores of all candidate users of an item; those above the exposure threshold are in full colour.

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
                fontsize=9,
                color=DARK,
            )
        axes.set_yticks([])
        axes.set_ylim(0, 1.25 * max(users.max(), 1))
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("score")
        axes.set_ylabel("users")
        return svg(figure, "Distribution of an item's scores over users")


def found_curve(sizes: Sequence[Size], own: float | None) -> str:
    """The share of people like the seeds in an audience over its size, with the 95 % interval, and by chance.

    Args:
        sizes: rising.
        own: the share of users nearest to the audience's own size; None: not marked.
    """
    shares = np.array([size.share for size in sizes])
    with rc_context(STYLE):
        figure = Figure(figsize=(3.9, 3.3), layout="constrained")
        axes = figure.subplots()
        low, high = [size.low for size in sizes], [size.high for size in sizes]
        axes.fill_between(shares, low, high, color=colour("ralm"), alpha=0.18, linewidth=0)
        axes.plot(
            shares, [size.found for size in sizes], ".-", color=colour("ralm"), label="found (band: 95 % interval)"
        )
        axes.plot(shares, shares, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)), label="by chance")
        if own is not None:
            axes.axvline(own, color=WITHOUT, linewidth=1.2, label="about this audience's size")
        axes.set_xscale("log")
        axes.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
        axes.minorticks_off()
        axes.tick_params(axis="x", labelrotation=45)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("size of the audience, of all users")
        axes.set_ylabel("hidden seeds found")
        figure.legend(loc="outside lower center")  # curves may fill the whole of the axes
        return svg(figure, "Share of the hidden seeds found over the size of the audience")


def candidate_curves(settings: Sequence[tuple[int, int]], similarities: npt.ArrayLike | None = None) -> str:
    """The chance to be a candidate by MinHash buckets over the Jaccard similarity with a seed: an S-curve per setting.

    Args:
        settings: (bands, rows) of each curve.
        similarities: of sampled users with their nearest seed; their histogram, on its own scale, shows on which part
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
        figure.legend(loc="outside lower center", ncols=2)
        return svg(figure, "Chance to be a candidate by Jaccard similarity, by bands and rows")
