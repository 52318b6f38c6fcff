"""A hook of the documentation site: the notebooks become pages under docs/tutorials/.

Notebooks are Python files in jupytext's percent form, notebooks/*.py. Where build/notebooks/NAME.ipynb was made from
the same cells by running them, the page has its results; otherwise it shows the cells alone, and says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "notebooks"
EXECUTED = ROOT / "build" / "notebooks"
NOT_RUN = "!!! note\n    The cells of this page were not run when it was made.\n\n"
SECTION, INDEX = "Tutorials", "tutorials/index.md"


def _sources() -> list[Path]:
    return sorted(path for path in SOURCES.glob("*.py") if not path.name.startswith("_"))


def _code(notebook: Any) -> list[str]:
    return [cell.source.strip() for cell in notebook.cells if cell.cell_type == "code"]


def read(source: Path) -> tuple[Any, bool]:
    """A notebook, and whether it holds the results of its cells."""
    notebook = jupytext.read(source)
    executed = EXECUTED / f"{source.stem}.ipynb"
    if executed.exists():
        found = nbformat.read(executed, as_version=4)
        if _code(found) == _code(notebook):
            return found, True
    return notebook, False


def on_config(config: Any) -> Any:
    """Name the notebooks' pages in the navigation, after the page that introduces them."""
    for part in config.nav or []:
        if SECTION in part:
            part[SECTION] += [f"tutorials/{source.stem}.md" for source in _sources()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add a page per notebook, and the pictures that its cells drew."""
    for source in _sources():
        notebook, ran = read(source)
        text, resources = MarkdownExporter().from_notebook_node(
            notebook, {"output_files_dir": f"{source.stem}_files", "unique_key": source.stem}
        )
        heading, _, rest = text.lstrip().partition("\n")
        page = f"{heading}\n\n{'' if ran else NOT_RUN}{rest.lstrip()}"
        files.append(File.generated(config, f"tutorials/{source.stem}.md", content=page))
        for name, content in resources.get("outputs", {}).items():
            files.append(File.generated(config, f"tutorials/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """List the notebooks on the page that introduces them."""
    if page.file.src_uri != INDEX:
        return markdown
    lines = []
    for source in _sources():
        notebook, ran = read(source)
        first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
        title = first.partition("\n")[0].lstrip("# ").strip() or source.stem
        lines.append(f"- [{title}]({source.stem}.md){'' if ran else ' (not run)'}")
    return markdown + "\n\n" + "\n".join(lines or ["There are no notebooks in this checkout."]) + "\n"
