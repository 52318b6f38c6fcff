"""Every notebook runs on the smallest world, and shows what the tables say."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from pyspark.sql import functions as F

import ralm
from jobs import run_notebook
from jobs.cli.arguments import parse
from ralm.errors import MissingInputError
from ralm.notebook.percent import cells, run

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))


@pytest.fixture
def ran(w: ralm.Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    monkeypatch.setenv("RALM_WAREHOUSE", w.path)
    monkeypatch.chdir(FOLDER.parent)
    drawn: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append(len(plt.gca().get_children())))
    matplotlib.use("Agg")

    def run_one(number: str) -> dict[str, Any]:
        plt.close("all")
        (path,) = FOLDER.glob(f"{number}_*.py")
        names = run(path, show=False)
        return names | {"plots": len(drawn)}

    yield run_one
    plt.close("all")


def test_each_begins_with_what_it_is_and_explains_its_cells() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]
    for path in NOTEBOOKS:
        found = cells(path.read_text(encoding="utf-8"))
        assert found[0].text.startswith("# ")
        assert not found[0].code
        assert sum(cell.code for cell in found) >= 5
        for cell in found:
            if cell.code:
                ast.parse(cell.text)


def test_the_results_in_the_docs_are_those_of_these_cells() -> None:
    """Otherwise the docs would show a tutorial without its results: `make notebooks` makes them anew."""
    for path in NOTEBOOKS:
        kept = json.loads((FOLDER / "results" / f"{path.stem}.ipynb").read_text(encoding="utf-8"))["cells"]
        found = [(cell["source"], cell["cell_type"] == "code") for cell in kept]
        assert found == [(cell.text, cell.code) for cell in cells(path.read_text(encoding="utf-8"))], path.name


@pytest.mark.spark
def test_first_look(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    names = ran("01")
    assert names["plots"] == 1
    assert list(names["items"].item_id) == [row["item_id"] for row in w.items().collect()]
    assert len(names["best"]) == 10
    assert len(names["recommended"]) > 0
    assert len(names["overlap"]) == 10
    assert names["settings"]["lookalike"]["clusters"] == 12


@pytest.mark.spark
def test_extend_your_own_list(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    with pytest.warns(UserWarning, match="1 duplicates, .* 1 unmatched"):
        names = ran("02")
    assert names["plots"] == 1
    assert not set(names["mine"]) & set(names["audience"].user_id)
    everyone = w.extend(names["kept"], share=1.0).toPandas()
    for size, found in zip(names["sizes"], names["of_list"], strict=True):
        best = set(everyone.user_id[: int(np.ceil(round(len(everyone) * size, 6)))])
        assert found == pytest.approx(len(best & names["hidden"]) / len(names["hidden"]))
    assert names["of_list"] == sorted(names["of_list"])


@pytest.mark.spark
def test_why_these_users(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    names = ran("03")
    assert names["item"] == w.items().first()["item_id"]  # the one that has a report
    assert set(names["audience"].people) == {"audience"}
    assert list(names["audience"]["rank"]) == list(range(1, len(names["audience"]) + 1))
    assert len(names["shared"]) == w.why(names["item"], names["user"]).count()


@pytest.mark.spark
def test_compare_systems(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    names = ran("04")
    stored = w.table("metrics").where("metric = 'item_auc' AND protocol = 'new_items' AND split = 'test'").collect()
    assert {(row["system"], row["value"]) for row in stored if " - " not in row["system"]} == set(
        zip(names["plain"].system, names["plain"].value, strict=True)
    )
    assert "ralm" in set(names["plain"].system)
    assert len(names["paired"]) > 0
    assert "ralm" in names["recall"].index


@pytest.mark.spark
def test_thresholds_and_what_if(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    names = ran("05")
    assert names["plots"] == 2
    assert len(names["thresholds"]) == w.table("thresholds").where(F.col("as_of") == F.lit(w.as_of)).count()
    assert list(names["what_if"]["lowest score"]) == sorted(names["what_if"]["lowest score"], reverse=True)
    assert names["stays"]["same users"][0] == 1
    assert (names["stays"]["same users"] > 0).all()
    assert len(names["scores"]) == len(names["pairs"])
    assert names["scores"].score.notna().all()


@pytest.mark.spark
def test_the_two_models(ran: Callable[[str], dict[str, Any]], w: ralm.Workspace) -> None:
    """Attention sums to 1; and the look-alike scores follow from the notebook's weights by the formula of the paper."""
    names = ran("07")
    assert names["plots"] == 2
    sums = names["attention"].sum(axis=1)
    assert set(sums.round(5)) <= {0.0, 1.0}
    assert names["local"].sum(axis=1) == pytest.approx(1)
    assert names["sizes"].sum() > 0
    towers = w.table("target_embeddings").where(
        (F.col("as_of") == F.lit(w.as_of)) & (F.col("model_version") == w.models["lookalike"])
    )
    stored = {row["user_id"]: row["embedding"] for row in towers.collect()}
    width = names["users"].shape[1]
    expected = np.array([stored[user][:width] for user in names["some"].user_id])
    assert names["users"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.spark
def test_a_notebook_runs_by_spark_submit(w: ralm.Workspace, tmp_path: Path) -> None:
    """As on a cluster: a session of spark-submit, the warehouse of the configuration; what is shown is kept."""
    saved = tmp_path / "first_look.ipynb"
    command = ["./spark-submit.sh", "run_notebook", "--config", "conf/tiny.yaml", "--set", f"warehouse={w.path}"]
    command += ["--notebook", "notebooks/01_first_look.py", "--save", str(saved), "--", "--master", "local[1]"]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = saved.read_text(encoding="utf-8")
    assert all(row["item_id"] in shown for row in w.items().collect())
    assert "image/png" in shown


def test_a_notebook_that_is_not_there() -> None:
    arguments = parse("", ["--config", "conf/tiny.yaml", "--notebook", "nb.py"], options=run_notebook.options())
    with pytest.raises(MissingInputError, match=r"--notebook nb\.py: no such file"):
        run_notebook.main(arguments)


@pytest.mark.spark
@pytest.mark.long
def test_from_csv_to_audience(
    ran: Callable[[str], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RALM_FOLDER", str(tmp_path / "from" / "csv"))
    names = ran("06")
    assert names["own"] > 0.5
    assert names["same"] > 0.5
