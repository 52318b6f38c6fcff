"""The examples of docs/schedulers: they are what they say, and hold the settings that spark-submit.sh gives."""

import ast
from pathlib import Path

import yaml

from jobs.cli.profiles import profile, read_settings
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.spark.jars import coordinates

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "schedulers"
JOBS = {path.stem for path in (ROOT / "jobs").glob("*.py")}


def test_the_spark_application_has_the_settings_of_its_kind_of_cluster() -> None:
    content = yaml.safe_load((FOLDER / "spark_application.yaml").read_text(encoding="utf-8"))["spec"]["template"]
    wanted: dict[str, str] = {}
    for name in ("defaults", *profile("k8s://https://a")):
        wanted |= read_settings(ROOT / "conf" / "spark" / f"{name}.conf")
    executor = content["executor"]
    sizes = {"spark.executor.cores": str(executor["cores"]), "spark.executor.memory": executor["memory"]}
    assert content["sparkConf"] | sizes == wanted
    assert content["deps"]["packages"] == [coordinates()]
    assert Path(content["mainApplicationFile"]).stem in JOBS


def test_the_dag_calls_jobs_and_gives_up_on_what_does_not_change() -> None:
    tree = ast.parse((FOLDER / "airflow_dag.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ralm"]
    assert {ast.literal_eval(call.args[0]) for call in calls} == {"pipeline", "export_serving", "refresh"}
    assert {ast.literal_eval(call.args[0]) for call in calls} <= JOBS
    (final,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FINAL"
    )
    assert set(final) == {error.exit_code for error in (ConfigError, DataError, MissingInputError)}
