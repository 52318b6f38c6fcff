"""A release in a real MLflow store, and its model loaded by a process that has only what travels with it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ralm.config import Tracking
from ralm.errors import ConfigError, RalmError
from ralm.serving.lmdb_store import LmdbStore
from ralm.tracking.entry import Entry
from ralm.tracking.mlflow_runs import package, record, require_mlflow
from tests.scoring.weights import random_items, random_weights
from tests.serving.test_scorer import SAME, export, raw_users

ENTRY = Entry(
    name="2024-03-01-abc",
    tags={"table.audiences": "3", "model.lookalike": "ralm-m1"},
    parameters={f"section.key{number}": str(number) for number in range(250)},
    metrics={"new_items/item_auc/ralm": 0.75},
    curves={"User model/ralm/loss": [3.0, 2.0, 1.5]},
    texts={"configuration.json": '{"seed": 1}'},
)
LOADED = """
import json, sys
for absent in ("pyspark", "torch", "scipy"):
    sys.modules[absent] = None
import mlflow, numpy as np, pandas as pd
uri, model, rows = sys.argv[1:]
mlflow.set_tracking_uri(uri)
loaded = mlflow.pyfunc.load_model(model)
import ralm.serving
frame = pd.DataFrame(json.loads(rows))
frame["embedding"] = [np.asarray(vector, np.float32) for vector in frame["embedding"]]
scores = loaded.predict(frame)
print(json.dumps({"place": ralm.serving.__file__, "scores": [None if s != s else s for s in scores]}))
"""


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("mlflow", "sqlalchemy", "alembic")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ConfigError, match=r"mlflow, sqlalchemy, alembic not installed; run pip install 'ralm\[mlflow"):
        require_mlflow()


def test_the_package_travels_whole_from_a_folder() -> None:
    with package() as folder:
        assert (folder / "tracking" / "pair_model.py").is_file()
        assert (folder / "report" / "report.css").is_file()
        assert not list(folder.rglob("__pycache__"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """A database file that is made in a folder of its own, with the files of runs beside it."""
    for name in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(name, reason="needs the extra mlflow: pip install 'ralm[mlflow]'")
    folder = tmp_path_factory.mktemp("mlflow")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    yield Tracking(mlflow=f"sqlite:///{folder}/mlflow.db")
    patch.undo()


@pytest.mark.long
def test_a_release_is_one_finished_run(settings: Tracking) -> None:
    import mlflow

    run = record(ENTRY, settings, "tiny")
    client = mlflow.MlflowClient(settings.mlflow)
    found = client.get_run(run)
    assert found.info.status == "FINISHED"
    assert found.data.params == ENTRY.parameters
    assert found.data.metrics == {"new_items/item_auc/ralm": 0.75, "User model/ralm/loss": 1.5}
    curve = client.get_metric_history(run, "User model/ralm/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 3.0), (2, 2.0), (3, 1.5)]
    assert found.data.tags.items() >= ENTRY.tags.items()
    assert [file.path for file in client.list_artifacts(run)] == ["configuration.json"]
    assert client.get_experiment_by_name("tiny").experiment_id == found.info.experiment_id
    assert record(ENTRY, settings, "tiny") == run
    # What a killed driver leaves: a run that goes on for ever.
    client.set_terminated(run, status="FAILED")
    again = record(ENTRY, settings, "tiny")
    assert again != run
    assert client.get_run(run).info.lifecycle_stage == "deleted"


@pytest.mark.long
def test_the_model_scores_pairs_as_the_batch_does(settings: Tracking, tmp_path: Path) -> None:
    import mlflow

    from ralm.scoring import scorer as batch

    weights, (centroids, sizes) = random_weights(closed=True), random_items(12)
    expected = export(LmdbStore(str(tmp_path / "store")), "r1", weights, centroids, sizes, raw_users())
    LmdbStore(str(tmp_path / "store")).copy_to(tmp_path / "items")
    run = record(Entry(name="r1"), settings, "pairs", tmp_path / "items")
    (model,) = mlflow.MlflowClient(settings.mlflow).search_logged_models(
        [mlflow.get_run(run).info.experiment_id], filter_string=f"source_run_id = '{run}'"
    )
    vectors, bias = batch.Scorer(weights, centroids, sizes).targets(raw_users())
    pairs = [(user, item) for user in (0, 0, 3, 0, 7) for item in (1, 11, 4)]
    rows = {
        "embedding": [vectors[user].tolist() for user, _ in pairs],
        "bias": [float(bias[user]) for user, _ in pairs],
        "item_id": [f"i{item}" for _, item in pairs[:-1]] + ["unknown"],
    }
    command = [sys.executable, "-c", LOADED, settings.mlflow, model.model_uri, json.dumps(rows)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert "/artifacts/code/ralm/serving/" in told["place"]
    assert told["scores"][-1] is None
    given = np.array([expected[user, item] for user, item in pairs[:-1]])
    np.testing.assert_allclose(told["scores"][:-1], given, atol=2.5 * SAME)


@pytest.mark.long
def test_a_server_that_is_not_there_is_one_line(
    settings: Tracking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RalmError, match=r"^tracking\.mlflow http://127\.0\.0\.1:9") as caught:
        record(ENTRY, Tracking(mlflow="http://127.0.0.1:9"), "tiny")
    assert "\n" not in str(caught.value)
