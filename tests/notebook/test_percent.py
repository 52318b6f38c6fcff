"""Notebooks as Python files: their cells, and what running them prints."""

from pathlib import Path

import pytest

from ralm.notebook.percent import Cell, cells, run

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
