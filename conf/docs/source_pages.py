"""A hook of the documentation site: what the pages link to beside docs/ becomes pages of the site.

Pages of docs/ link to files of the repository (`../conf/demo.yaml`), as they must where Markdown is read beside the
code. The site has a page for each of these files, under source/, which shows its text; a folder's page lists its files.
CONTRIBUTING.md and CHANGELOG.md become pages of their own, and README.md is the site's first page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
# Files of the root that are pages: path -> address in the site.
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
ELSEWHERE = {"README.md": "index.md", **PAGES}
LINK = re.compile(r"(\]\()([^)#\s]+)?(#[^)\s]*)?(\))")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".sh": "bash", ".toml": "toml", ".conf": "properties"}
SHOWN = {".md", ".png", ".svg", ".jpg"}  # what the site has as it is


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of files beside docs/ that any page links to."""
    texts = {file.src_uri: file.content_string for file in files.documentation_pages()}
    for path, address in PAGES.items():
        texts[address] = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, address, content=texts[address]))
    wanted = {path for page, text in texts.items() for path in _linked(page, text) if _is_source(path)}
    for folder in [path for path in wanted if (ROOT / path).is_dir()]:
        wanted |= {f"{folder}/{entry.name}" for entry in _entries(folder)}
    for path in sorted(wanted):
        files.append(File.generated(config, _address(path), content=_text(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links to files beside docs/ into links to their pages."""
    address = page.file.src_uri

    def target(path: str, fragment: str) -> str | None:
        if _is_source(path):
            return posixpath.relpath(_address(path), posixpath.dirname(address) or ".")
        found = ELSEWHERE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        return found and posixpath.relpath(found, posixpath.dirname(address) or ".") + fragment

    return _replaced(address, markdown, target)


def _base(address: str) -> str:
    """The folder, from the root, that a page's links start from."""
    return "" if address in PAGES.values() else posixpath.dirname(f"docs/{address}")


def _replaced(address: str, text: str, target: Callable[[str, str], str | None]) -> str:
    def replace(found: re.Match[str]) -> str:
        before, link, fragment, after = found.groups()
        if not link or ":" in link:
            return found[0]
        path = posixpath.normpath(posixpath.join(_base(address), link))
        changed = target(path, fragment or "")
        return found[0] if changed is None else f"{before}{changed}{after}"

    return LINK.sub(replace, text)


def _linked(address: str, text: str) -> set[str]:
    """The files that a page links to, from the root."""
    found: set[str] = set()
    _replaced(address, text, lambda path, fragment: found.add(path))
    return found


def _is_source(path: str) -> bool:
    """Whether a path is of a file or folder that the site shows as text."""
    place = ROOT / path
    if path in ELSEWHERE or path.startswith("..") or not place.exists():
        return False
    return not (path.startswith("docs/") and place.is_file() and place.suffix in SHOWN)


def _entries(folder: str) -> list[Path]:
    entries = [entry for entry in sorted((ROOT / folder).iterdir()) if not entry.name.startswith((".", "__"))]
    return [entry for entry in entries if entry.is_file() and entry.suffix in {*LANGUAGES, ".md"}]


def _address(path: str) -> str:
    return f"source/{path}/index.md" if (ROOT / path).is_dir() else f"source/{path}.md"


def _text(path: str) -> str:
    settings = f"---\ntitle: {path}\nsearch: {{exclude: true}}\nhide: [toc]\n---\n"
    head = f"{settings}\n# {posixpath.basename(path)}\n\n`{path}`\n\n"
    if (ROOT / path).is_dir():
        return head + "".join(f"- [{entry.name}]({entry.name}.md)\n" for entry in _entries(path))
    language = LANGUAGES.get(Path(path).suffix, "text")
    text = (ROOT / path).read_text(encoding="utf-8")
    fence = "````" if "```" in text else "```"
    return f"{head}{fence}{language}\n{text.rstrip()}\n{fence}\n"
