"""The documentation: every page is in the navigation, every link leads somewhere, nothing is fetched from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Pages of the site that lie beside docs/ (conf/docs/source_pages.py).
BESIDE = {"contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
PAGES = [*sorted(DOCS.rglob("*.md")), *BESIDE.values(), ROOT / "README.md"]
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose slugs are named by a Python tag."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def settings() -> dict[str, Any]:
    content = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)
    assert isinstance(content, dict)
    return content


def named(nav: Any) -> Iterator[str]:
    """All pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for part in nav.values():
            yield from named(part)
    else:
        for part in nav:
            yield from named(part)


def prose(path: Path) -> str:
    """A page without its code blocks."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts and the site make them."""
    found: set[str] = set()
    for title in re.findall(r"^#{1,6} +(.+?)\s*$", prose(path), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = next(n for n in range(100) if (slug if n == 0 else f"{slug}-{n}") not in found)
        found.add(slug if number == 0 else f"{slug}-{number}")
    return found


def test_every_page_is_in_the_navigation_once() -> None:
    listed = list(named(settings()["nav"]))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | BESIDE.keys()
    assert sorted(listed) == sorted(there)


def test_warnings_are_errors() -> None:
    found = settings()
    assert found["strict"] is True
    assert {kind for part in found["validation"].values() for kind in part.values()} == {"warn"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    wrong = []
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / unquote(target)).resolve() if target else path
        if not place.is_relative_to(ROOT) or not place.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            wrong.append(f"{link}: no such heading")
    assert wrong == []


def test_a_wrong_link_and_a_wrong_heading_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A & b, c\n## A & b, c\n\n[x](gone.md) `[y](z)`\n\n    # not a heading\n")
    assert anchors(page) == {"a--b-c", "a--b-c-1"}
    assert LINK.findall(prose(page))[0] == "gone.md"


def test_nothing_is_fetched_from_outside() -> None:
    found = settings()
    assert found["theme"]["font"] is False
    local = [*found["extra"]["polyfills"], *found["extra_css"], *found.get("extra_javascript", [])]
    assert [name for name in local if not (DOCS / name).is_file()] == []
    pictures = {link for path in PAGES for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text("utf-8"))}
    assert [link for link in pictures if "://" in link] == []
    assert "url(" not in "".join((DOCS / name).read_text(encoding="utf-8") for name in found["extra_css"])


def test_every_picture_says_what_it_shows() -> None:
    figures = sorted((DOCS / "figures").glob("*.svg"))
    assert len(figures) >= 6
    for figure in figures:
        text = figure.read_text(encoding="utf-8")
        assert re.search(r"<title id=\"t\">.{5,}</title>", text), figure.name
        assert re.search(r"<desc id=\"d\">.{40,}</desc>", text), figure.name
    shown = [(path.name, text) for path in DOCS.rglob("*.md") for text in re.findall(r"!\[([^\]]*)\]\(", prose(path))]
    assert [name for name, text in shown if len(text) < 10] == []
    used = "".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    assert [figure.name for figure in figures if f"figures/{figure.name}" not in used] == []
