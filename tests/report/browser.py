"""A page as a real browser lays it out, at a given width: what it measures, without a driver."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# The page lies in a frame: a window cannot be as narrow as a phone, and a frame can. The script runs outside the page.
HOST = """<!doctype html><meta charset="utf-8"><body style="margin:0"><script>
function measure() {
  const frame = document.getElementById("page"), page = frame.contentDocument, root = page.documentElement;
  for (const fold of page.querySelectorAll("details")) fold.open = true;
  const inside = (e) => {  // what scrolls by itself may be wider than the page
    for (let p = e; p && p !== page.body; p = p.parentElement)
      if (["auto", "scroll"].includes(frame.contentWindow.getComputedStyle(p).overflowX)) return p !== e;
    return false;
  };
  const cut = [], hidden = [], small = [];
  for (const e of page.body.querySelectorAll("*")) {
    const box = e.getBoundingClientRect(), style = frame.contentWindow.getComputedStyle(e);
    if (!box.width || e.classList.contains("skip")) continue;
    const name = e.tagName + " " + (e.textContent || "").trim().slice(0, 60);
    if (!inside(e) && (box.right > WIDTH + 1 || box.left < -1)) cut.push(name);
    if (style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1 && !e.closest("svg")) hidden.push(name);
    if (e.tagName.toLowerCase() === "text" && box.height < 8) small.push(name + " " + box.height);
  }
  const scrollers = [...page.querySelectorAll(".scroll")].map((e) => ({
    label: e.getAttribute("aria-label"), focusable: e.tabIndex === 0, role: e.getAttribute("role")}));
  const unnamed = [...page.querySelectorAll("img, svg")].filter(
    (e) => !(e.getAttribute("alt") || e.getAttribute("aria-label"))).length;
  document.getElementById("found").textContent = JSON.stringify({
    width: root.scrollWidth, height: root.scrollHeight, cut, hidden, small, scrollers, unnamed,
    lang: root.lang, landmarks: ["header", "main"].filter((t) => page.querySelector("body > " + t)),
    headings: [...page.querySelectorAll("h1, h2, h3, h4")].map((e) => Number(e.tagName[1])),
    headers: [...page.querySelectorAll("th")].filter((e) => !e.scope).length,
    shown: page.getElementsByTagName("body")[0].innerText.slice(0, 2000)});
}
</script><iframe id="page" onload="measure()" style="border:0;display:block" width="WIDTH" height="900"
srcdoc="PAGE"></iframe><pre id="found"></pre>"""


@dataclass(frozen=True)
class Layout:
    """What the browser measured of a page.

    Attributes:
        width: of all that can be scrolled to, in pixels.
        height: of the page.
        cut: elements that stand out of the page at a side.
        hidden: elements whose content is wider than they show.
        small: labels of figures that are less than eight pixels high.
        scrollers: tables that scroll: label, role, focusable.
        unnamed: pictures without a description.
        lang: language.
        landmarks: of header and main, those that are there.
        headings: levels, in their order.
        headers: header cells of tables that do not say what they are of.
        shown: the first text.
    """

    width: int
    height: int
    cut: list[str]
    hidden: list[str]
    small: list[str]
    scrollers: list[dict[str, Any]]
    unnamed: int
    lang: str
    landmarks: list[str]
    headings: list[int]
    headers: int
    shown: str


def browser() -> str:
    """The browser on this machine; without one, the test is skipped."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


def command(folder: Path) -> list[str]:
    """The browser's command line without a window, with a profile in the folder."""
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    return [browser(), "--headless", "--no-sandbox", "--disable-gpu", *quiet, f"--user-data-dir={folder / 'profile'}"]


def layout(page: str, width: int, folder: Path) -> Layout:
    """The page (HTML) laid out in a frame of so many pixels, with everything unfolded."""
    host = folder / f"host{width}.html"
    text = HOST.replace("WIDTH", str(width)).replace("PAGE", html.escape(page, quote=True))
    host.write_text(text, encoding="utf-8")
    call = [*command(folder), "--virtual-time-budget=2000", "--dump-dom", host.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert found is not None
    return Layout(**json.loads(html.unescape(found[1])))
