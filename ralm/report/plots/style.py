"""How all figures look, and how they become a part of an HTML page.

Text stays text, so that it takes the page's font and can be selected and read aloud.
"""

from __future__ import annotations

import hashlib
import io
import re
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1f2933", "#616e7c", "#e4e7eb"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # wide: what fits in it fits in the page's font
    "font.size": 9.5,
    "axes.edgecolor": "#cbd2d9",
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.color": INK,
    "lines.linewidth": 1.8,
}


def svg(figure: Figure, description: str) -> str:
    """The figure as an SVG element for an HTML page: no prologue, no metadata, no namespaces, described in words."""
    FigureCanvasSVG(figure)
    out = io.StringIO()
    with rc_context({"svg.hashsalt": "fixed"}):  # the same data give the same page
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r'\sid="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    # figures of a page must not share an id, or clip paths would come from the wrong figure
    own = "f" + hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{own}-", text)
    width = re.search(r'<svg[^>]*?\swidth="([\d.]+)pt"', text)
    assert width is not None
    text = re.sub(r'(<svg[^>]*?)\swidth="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
    # 1 pt of the figure is 4/3 px of the page; never wider than its own size, so that labels keep theirs
    size = f'style="width:100%;max-width:{float(width[1]) * 4 / 3:.0f}px"'
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description, quote=True)}" {size}', 1).strip()
