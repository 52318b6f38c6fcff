"""Notebooks as Python files: their cells, what running them prints, and the results that are kept."""

import base64
import json
from pathlib import Path

import pytest

from ralm.notebook.percent import Cell, cells, main, run

TEXT = '''"""Not a cell."""
# %% [markdown]
# # Title
#
# Text with `code`.

# %%
x = 2
x

# %%
def f():
    return x / zero


print("printed")
# %%
# %% [markdown]
#no blank
'''


def test_cells() -> None:
    assert cells(TEXT) == [
        Cell("# Title\n\nText with `code`.", False, 3),
        Cell("x = 2\nx", True, 8),
        Cell('def f():\n    return x / zero\n\n\nprint("printed")', True, 12),
        Cell("no blank", False, 19),
    ]


def test_a_run_shows_last_values_and_leaves_its_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.py"
    path.write_text(TEXT)
    names = run(path, {"zero": 0})
    assert capsys.readouterr().out == "2\n\nprinted\n"
    assert names["x"] == 2
    with pytest.raises(ZeroDivisionError) as error:
        names["f"]()
    assert error.traceback[-1].lineno == 12  # counted from 0
    assert run(path, {"zero": 1}, show=False)["f"]() == 2
    assert capsys.readouterr().out == "printed\n"


RESULTS = """# %% [markdown]
# # Title
# %%
import matplotlib.pyplot as plt
import pandas as pd
from pathlib import Path
print("printed to", Path.cwd() / "a", "and", Path("/b"))
# %%
plt.plot([1, 2])
plt.show()
# %%
pd.DataFrame({"a": [7]})
"""


def test_results_are_kept_as_jupyter_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(RESULTS)
    main(["--save", str(tmp_path / "made"), str(path)])
    content = json.loads((tmp_path / "made" / "a.ipynb").read_text(encoding="utf-8"))
    text, printed, drawn, table = content["cells"]
    assert (text["cell_type"], text["source"]) == ("markdown", "# Title")
    assert printed["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "printed to a and /b\n"}]
    (figure,) = drawn["outputs"]
    assert base64.b64decode(figure["data"]["image/png"]).startswith(b"\x89PNG")
    (frame,) = table["outputs"]
    assert "<td>7</td>" in frame["data"]["text/html"]
    assert frame["data"]["text/plain"].split() == ["a", "0", "7"]
