"""The page of one audience: a self-contained HTML file for who is to use it, the verdict and what to do first."""

from __future__ import annotations

import re

from markupsafe import Markup

from ralm.insight.small_counts import said
from ralm.report.audience_data import AudiencePage
from ralm.report.plots.audiences import found_curve
from ralm.report.summary import per_hundred
from ralm.report.system_names import name
from ralm.report.templates import resource, template

FEATURES, GROUP_FEATURES = 15, 5


def page_name(item: str, system: str) -> str:
    """The file's name: what file systems and web servers may not like becomes `_`."""
    return re.sub(r"[^\w.\-]", "_", f"{system}-{item}") + ".html"


def render_audience(page: AudiencePage) -> str:
    """The page as HTML."""
    own = page.own_size
    curve = "" if not page.sizes else found_curve(page.sizes, None if own is None else own.share)
    return template(
        "audience.html",
        percent=percent,
        times=times,
        hundred=per_hundred,
        count=lambda value: said(value, page.minimum),
        system=name,
    ).render(
        page=page,
        css=Markup(resource("report.css")),
        curve=Markup(curve),
        own=own,
        features=page.of("audience", FEATURES),
        seed_features=page.of("seeds", FEATURES),
        group_features={group.number: page.of(f"group {group.number}", GROUP_FEATURES) for group in page.groups},
    )


def percent(share: float) -> str:
    """A share in per cent, with a digit after the point where it is below ten."""
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def times(lift: float) -> str:
    """A lift in words: `4.2 times`."""
    return f"{lift:.1f}×" if lift < 9.95 else f"{lift:.0f}×"
