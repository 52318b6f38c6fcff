"""A night's release in a real MLflow store: what is recorded of it, and a model that gives the published scores."""

import json
from pathlib import Path

import numpy as np
import pytest

from jobs.steps.tracking import release_run
from ralm.runs.runner import plan_steps, run_steps
from ralm.warehouse.releases import current_release
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2700)]


def test_without_the_section_there_is_no_step(tiny_run: Finished) -> None:
    assert release_run.steps(tiny_run.context()) == []


def test_a_release_is_recorded_once_and_its_model_gives_its_scores(
    tiny_run: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(name, reason="needs the extra mlflow: pip install 'ralm[mlflow]'")
    import mlflow

    monkeypatch.chdir(tmp_path)
    finished, uri, lines = tiny_run.copy(tmp_path / "wh"), f"sqlite:///{tmp_path}/mlflow.db", list[str]()
    context = finished.context(f"tracking.mlflow={uri}", say=lines.append)
    run_steps(context, release_run.steps(context))
    release = current_release(context.warehouse)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name(context.config.name)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == (release.release_id, "FINISHED")
    assert run.data.tags["table.audiences"] == str(release.tables["audiences"])
    assert run.data.tags["model.lookalike"] == release.models["lookalike"]
    assert run.data.params["lookalike.clusters"] == str(context.config.lookalike.clusters)
    for name, value in release.metrics.items():
        assert run.data.metrics[f"{name}/ralm"] == value
    curves = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics if "loss" in name}
    assert {name.split("/")[0] for name in curves} == {"User model", "Look-alike model"}
    assert [point.step for point in curves["Look-alike model/ralm_average/loss"]][:2] == [1, 2]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"configuration.json", "report.html"}
    kept = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/configuration.json"))
    assert kept == json.loads(release.configuration or "")
    (model,) = client.search_logged_models([experiment.experiment_id])
    scored = context.warehouse.read("audiences", release.tables["audiences"]).where("system = 'ralm'")
    users = context.warehouse.read("target_embeddings", release.tables["target_embeddings"]).where(
        f"as_of = '{release.as_of}' and model_version = '{release.models['lookalike']}'"
    )
    rows = scored.join(users.select("user_id", "bias", "embedding"), "user_id").limit(300).toPandas()
    assert len(rows) > 50
    found = mlflow.pyfunc.load_model(model.model_uri).predict(rows[["embedding", "bias", "item_id"]])
    np.testing.assert_allclose(found.to_numpy(), rows["score"].to_numpy(), atol=2.5e-6)
    # Nothing of it stays in the warehouse, and it is not recorded again.
    assert not list(Path(context.models("work", "")).glob("mlflow-*"))
    again = finished.context(f"tracking.mlflow={uri}", say=lines.append)
    assert [what for _, what in plan_steps(again, release_run.steps(again))] == ["skip (done)"]
