"""Runs notebooks that are Python files in percent format, cell by cell: `python -m ralm.notebook.percent FILE…`.

Jupyter (with jupytext), VS Code and PyCharm open the same files as notebooks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "# %%"
TEXT = "[markdown]"


@dataclass(frozen=True)
class Cell:
    """A cell: `text` is Markdown or code, `line` its first line in the file, from 1."""

    text: str
    code: bool
    line: int


def cells(content: str) -> list[Cell]:
    """The cells of a file in percent format; what stands before the first one is left out."""
    found: list[Cell] = []
    lines: list[str] | None = None
    start, code = 0, True
    for number, line in enumerate([*content.splitlines(), MARK], 1):
        if not line.startswith(MARK):
            if lines is not None:
                lines.append(line if code else line.removeprefix("#").removeprefix(" "))
            continue
        if lines is not None and (text := "\n".join(lines).strip("\n")):
            found.append(Cell(text, code, start))
        lines, start, code = [], number + 1, TEXT not in line
    return found


def run(path: Path, given: Mapping[str, Any] | None = None, show: bool = True) -> dict[str, Any]:
    """Run a notebook; an error in a cell is raised with the file's own line.

    Args:
        path: of the file.
        given: names that its cells find.
        show: print the value of each cell's last expression, as a notebook does.

    Returns:
        The names that it leaves.
    """
    names: dict[str, Any] = {"__name__": "__main__", **(given or {})}
    for cell in cells(path.read_text(encoding="utf-8")):
        if not cell.code:
            continue
        # Empty lines before the cell, so that a traceback shows where the file has it.
        tree = ast.parse("\n" * (cell.line - 1) + cell.text, str(path))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(path), "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), str(path), "eval"), names)
            if show and value is not None:
                print(value, end="\n\n")
    return names


def main(paths: list[str]) -> None:
    """Run the given notebooks, each by itself; plots are drawn and not shown."""
    import matplotlib

    matplotlib.use("Agg")
    for path in paths:
        print(f"== {path}", flush=True)
        run(Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
