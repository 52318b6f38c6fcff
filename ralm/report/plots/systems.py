"""The report's figures: one function per figure, plain arrays in, inline SVG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ralm.report.plots.marks import Bar, look
from ralm.report.plots.style import INK, MUTED, STYLE, svg
from ralm.report.system_names import name


def metric_bars(panels: Mapping[str, Sequence[Bar]], label: str, baseline: float = 0.0) -> list[str]:
    """Horizontal bars with intervals: one figure per protocol, one bar per system, the same scale in all.

    Args:
        panels: title -> bars, in the order wanted.
        label: of the value axis.
        baseline: where bars start: 0.5, the chance level, for an AUC.
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
                axes.barh(place, bar.value - baseline, 0.62, left=baseline, **look(bar.system))
                end = max(bar.value, _whisker(axes, place, bar), baseline)
                axes.text(end + 0.025 * span, place, f"{bar.value:.3f}", va="center", fontsize=8.5)
            _systems_down(axes, [bar.system for bar in bars], baseline, label)
            axes.set_xlim(left, max(reach) + 0.2 * span)
            axes.set_title(title)
            figures.append(svg(figure, f"{title}: {label} by system, with 95 % intervals"))
    return figures


def head_tail_bars(head: Sequence[Bar], tail: Sequence[Bar], label: str, baseline: float = 0.0) -> str:
    """Two bars per system: on the head items, and (lighter) on the long tail.

    Args:
        head: bars on the most clicked tenth of the items.
        tail: bars on the other items; systems in the order of `head`.
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
                axes.barh(place, bar.value - baseline, 0.36, left=baseline, alpha=alpha, **look(bar.system))
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
    """Draw the interval, if there is one, and give its upper end."""
    if bar.low is None or bar.high is None or not np.isfinite([bar.low, bar.high]).all():
        return bar.value
    axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.3, solid_capstyle="butt")
    for end in (bar.low, bar.high):
        axes.plot([end, end], [place - 0.11, place + 0.11], color=INK, linewidth=1.3)
    return bar.high
