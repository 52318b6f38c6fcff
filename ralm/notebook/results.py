"""What the cells of a notebook show, kept in Jupyter's file format (nbformat 4), without Jupyter."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

# Of a figure, in pixels per inch: readable on a page, and some 20 kB.
RESOLUTION = 80

Output = dict[str, Any]


def shown_by(run: Callable[[], Any]) -> list[Output]:
    """The outputs of a cell: what it printed, the figures that it showed, the value of its last expression.

    Args:
        run: runs the cell and gives the value; None: there is none.
    """
    outputs: list[Output] = []
    printed = io.StringIO()
    with _figures(outputs), redirect_stdout(printed):
        value = run()
    if text := printed.getvalue().replace(f"{Path.cwd()}/", ""):  # where the folder lies says nothing to readers
        outputs.insert(0, {"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        data = {"text/plain": repr(value)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_()
        outputs.append({"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data})
    return outputs


def write(path: Path, found: list[tuple[str, bool, list[Output]]]) -> None:
    """Write a notebook with its results.

    Args:
        path: of the file.
        found: of each cell its text, whether it is code, and its outputs.
    """
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}}}
    content["cells"] = [
        {"id": f"c{at}", "metadata": {}, "source": text, "cell_type": "code" if code else "markdown"}
        | ({"execution_count": None, "outputs": outputs} if code else {})
        for at, (text, code, outputs) in enumerate(found)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _figures(outputs: list[Output]) -> Iterator[None]:
    """Take the figures that are shown meanwhile as pictures."""
    import matplotlib.pyplot as plt

    def show(*args: object, **kwargs: object) -> None:
        for number in plt.get_fignums():
            file = io.BytesIO()
            plt.figure(number).savefig(file, format="png", dpi=RESOLUTION, bbox_inches="tight")
            data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": "<Figure>"}
            outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
        plt.close("all")

    before, plt.show = plt.show, show
    try:
        yield
    finally:
        plt.show = before
