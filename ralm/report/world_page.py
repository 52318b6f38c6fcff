"""The page that shows the built-in world as it runs: one self-contained HTML file that reloads itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ralm.report.plots.style import MUTED, STYLE, svg
from ralm.report.system_names import colour
from ralm.report.templates import resource, template

COLOURS = {"lookalike": colour("ralm"), "popularity": "#D55E00", "profile": "#009E73"}
WIDTH, HEIGHT = 150, 36  # of an item's line of seeds, in pixels
Rate = tuple[int, int]


@dataclass(frozen=True)
class LiveItem:
    """An item and its history: `rounds`, `seeds` and `systems` side by side (None: no audience yet).

    `title` is its name, if it has one.
    `rates` are policy -> (clicks, shown) under its own choice, without what exploring slots showed.
    """

    item_id: str
    categories: Sequence[str]
    published_at: dt.datetime
    rounds: Sequence[int]
    seeds: Sequence[int]
    systems: Sequence[str | None]
    audience: int
    rates: Mapping[str, Rate]
    title: str | None = None

    @property
    def switched(self) -> int | None:
        """The first round in which look-alike spreads the item."""
        return next((r for r, s in zip(self.rounds, self.systems, strict=True) if s == "ralm"), None)

    @property
    def line(self) -> str:
        """The seeds over the rounds as points of an SVG polyline."""
        first, span = self.rounds[0], max(1, self.rounds[-1] - self.rounds[0])
        top = max(1, *self.seeds)
        return " ".join(
            f"{4 + (r - first) / span * (WIDTH - 8):.1f},{HEIGHT - 4 - s / top * (HEIGHT - 8):.1f}"
            for r, s in zip(self.rounds, self.seeds, strict=True)
        )

    @property
    def switch_at(self) -> float | None:
        """The x position of the switch, in pixels."""
        if self.switched is None:
            return None
        span = max(1, self.rounds[-1] - self.rounds[0])
        return 4 + (self.switched - self.rounds[0]) / span * (WIDTH - 8)


@dataclass(frozen=True)
class PolicyRate:
    """Clicks and impressions of a policy by round."""

    policy: str
    rounds: Sequence[int]
    clicks: Sequence[int]
    shown: Sequence[int]

    @property
    def total(self) -> Rate:
        """(clicks, shown) of all rounds."""
        return sum(self.clicks), sum(self.shown)


@dataclass(frozen=True)
class LivePage:
    """All that the page shows, newest item first."""

    name: str
    round: int
    at: dt.datetime
    items: Sequence[LiveItem]
    policies: Sequence[PolicyRate]


def render_live(page: LivePage) -> str:
    """The page as HTML."""
    return template("live.html", rate=rate).render(
        page=page,
        css=Markup(resource("report.css")),
        figure=Markup(rates_figure(page.policies)),
        colours=COLOURS,
        width=WIDTH,
        height=HEIGHT,
    )


def rate(counts: Rate) -> str:
    """Clicks in per cent of what was shown."""
    clicks, shown = counts
    return f"{100 * clicks / shown:.1f} %" if shown else "–"


def rates_figure(policies: Sequence[PolicyRate]) -> str:
    """The click rate of each policy over the rounds."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 2.7), layout="constrained")
        axes = figure.subplots()
        for policy in policies:
            values = [c / s if s else float("nan") for c, s in zip(policy.clicks, policy.shown, strict=True)]
            axes.plot(
                policy.rounds, values, marker="o", markersize=3, color=COLOURS[policy.policy], label=policy.policy
            )
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("round", color=MUTED)
        axes.set_title("Clicks by what each policy chose to show")
        if policies:
            figure.legend(loc="outside lower center", ncols=3)
        return svg(figure, "Click rate of the look-alike and the popularity policy by round")
