"""The examples of docs/schedulers: they are what they say, and hold the settings that spark-submit.sh gives."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from jobs.cli.arguments import parse
from jobs.cli.profiles import profile, read_settings
from ralm.config.fixed_spark import REQUIRED
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


BUNDLE = FOLDER / "databricks.yml"
# What stands for a value while the command lines of the bundle are read.
VALUES = {"${var.config}": str(ROOT / "conf" / "tiny.yaml"), "{{job.trigger.time.iso_date}}": "2026-11-30"}


def tasks() -> dict[str, dict[str, Any]]:
    """Every task of the bundle by its key, with the job that it is of."""
    jobs = yaml.safe_load(BUNDLE.read_text(encoding="utf-8"))["resources"]["jobs"]
    return {task["task_key"]: {**task, "job": job} for job in jobs.values() for task in job["tasks"]}


def test_every_task_of_the_bundle_is_a_command_that_understands_its_options() -> None:
    found = tasks()
    assert found.keys() == {"pipeline", "export_serving", "refresh"}
    for name, task in found.items():
        command = task["spark_python_task"]
        assert (FOLDER / command["python_file"]).resolve() == ROOT / "jobs" / f"{name}.py"
        module = import_module(f"jobs.{name}")
        own = module.options() if hasattr(module, "options") else None
        given = [VALUES.get(part, part) for part in command["parameters"]]
        assert not [part for part in given if "{" in part]
        assert parse("", given, options=own).config.name == "tiny"
    assert found["export_serving"]["depends_on"] == [{"task_key": "pipeline"}]


def test_the_bundle_has_one_writer_at_a_time_and_the_settings_of_a_cluster() -> None:
    own = {
        name: value for name, value in REQUIRED.items() if ".delta.catalog" not in value and ".sql.Delta" not in value
    }
    assert len(own) == len(REQUIRED) - 2
    cluster = read_settings(ROOT / "conf" / "spark" / "cluster.conf")
    for name, task in tasks().items():
        job = task["job"]
        assert job.get("max_concurrent_runs") == 1 or "continuous" in job, name
        (machines,) = [one["new_cluster"] for one in job["job_clusters"]]
        assert "autoscale" not in machines
        settings = machines["spark_conf"]
        assert settings.items() >= own.items()
        assert {key: value for key, value in settings.items() if key not in own}.items() <= cluster.items()
        assert task["libraries"] == [{"whl": "../../dist/*.whl"}]
