"""What the page docs/security.md promises: data is never code, names stay inside, secrets stay out."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, auto, load_config
from ralm.config.kept import kept_configuration, without_secrets
from ralm.config.yaml_file import _Loader, parse_yaml
from ralm.errors import ConfigError, RalmError, masked_settings
from ralm.field_specs import NUMERIC_EDGES, CategorySpec, HistorySpec, NumericSpec
from ralm.notebook.conditions import is_condition
from ralm.report.audience_page import page_name
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.warehouse.once import replace
from ralm.warehouse.warehouse import Warehouse
from tests.cli.test_submission import CONFIGURATION

ROOT = Path(__file__).resolve().parents[1]
SECRET = "S3cretPw"
# Names as people or attackers write them: paths, quotes, ends of statements, another file system.
NAMES = [
    "../../x",
    "/etc/passwd",
    "a/b",
    "..",
    "a'b",
    'a"b',
    "a`b",
    "a\\",
    "a\\'; DROP TABLE x; --",
    "s3a://u/x",
    "=",
    "%2e%2e/x",
]


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of a dotted name in the package."""
    for place in ("ralm", "jobs", "udfs", "benchmarks"):
        for path in (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                    yield path.relative_to(ROOT), node


def keywords(call: ast.Call) -> dict[str, str]:
    return {word.arg or "**": ast.unparse(word.value) for word in call.keywords}


# ------------------------------------------------------------------------------------------------- files are no code


def test_model_files_run_no_code() -> None:
    found = list(calls("torch.load"))
    assert len(found) >= 3
    assert [path for path, call in found if keywords(call).get("weights_only") != "True"] == []
    assert [path for path, call in calls("np.load") if keywords(call).get("allow_pickle", "False") != "False"] == []


def test_pickles_are_read_in_one_place() -> None:
    """Of bytes that the same run made (`Trees.unpacked`)."""
    files = {str(path) for name in ("pickle.loads", "pickle.load", "joblib.load") for path, _ in calls(name)}
    assert files == {"ralm/baselines/regression.py"}


@pytest.mark.long
def test_only_notebooks_are_executed() -> None:
    files = {str(path) for name in ("eval", "exec") for path, _ in calls(name)}
    assert files == {"ralm/notebook/percent.py"}
    run = [(path, call) for name in ("subprocess.run", "subprocess.Popen") for path, call in calls(name)]
    assert [path for path, call in run if keywords(call).get("shell", "False") != "False"] == []
    assert list(calls("os.system")) == []


def test_yaml_makes_plain_values_only(tmp_path: Path) -> None:
    for path, call in calls("yaml.load"):
        assert str(path) == "ralm/config/yaml_file.py", path
        assert keywords(call) == {"Loader": "_Loader"}
    assert issubclass(_Loader, yaml.SafeLoader)
    with pytest.raises(ConfigError, match="not YAML"):
        parse_yaml(f"x: !!python/object/apply:os.system ['touch {tmp_path}/y']")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- names stay inside


@pytest.mark.parametrize("name", NAMES)
def test_a_page_lies_in_its_folder(name: str) -> None:
    path = Path("/warehouse/audiences") / page_name(name, "ralm")
    assert path.parent == Path("/warehouse/audiences")
    assert path.resolve().parent == Path("/warehouse/audiences")


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "", "a b", "a\\b", "1a"])
@pytest.mark.parametrize("key", ["name", "fields.history", "variants"])
def test_configured_names_that_become_paths_are_plain(tmp_path: Path, key: str, name: str) -> None:
    content = json.loads(json.dumps(CONFIGURATION))
    if key == "name":
        content["name"] = name
    elif key == "variants":
        content["variants"] = {"ralm": {}, name: {}}
    else:
        content["fields"]["history"].append({"domain": name})
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="a name has letters a to z, digits and _"):
        load_config(path)


@pytest.mark.spark
@pytest.mark.long
def test_names_in_tables_stay_in_the_table_and_are_no_sql(spark: SparkSession, tmp_path: Path) -> None:
    """As partitions, as values of a condition, and as listed items of a replaced partition."""
    root = tmp_path / "a'b c" / "wh"
    warehouse = Warehouse(spark, str(root))
    rows = [("2024-01-01", name, name, name, None, 0.5, "ralm") for name in NAMES]
    columns = "as_of string, pairs string, user_id string, item_id string, at timestamp, score double, system string"
    frame = spark.createDataFrame(rows, columns)
    for attempt, name in enumerate(NAMES, 1):
        part = {"pairs": name, "as_of": "2024-01-01"}
        replace(
            warehouse, "scored_pairs", frame.where(F.col("pairs") == name), part, app_id=name, attempt=1, run_id="r"
        )
        assert warehouse.read("scored_pairs").count() == attempt
    listed = {"as_of": "2024-01-01", "item_id": NAMES[:-1]}
    replace(warehouse, "scored_pairs", frame.where("score < 0"), listed, app_id="all", attempt=1, run_id="r")
    assert [row["item_id"] for row in warehouse.read("scored_pairs").collect()] == [NAMES[-1]]
    spark.sql(f"ALTER TABLE {warehouse.quoted('scored_pairs')} DROP CONSTRAINT pairs_holds")
    Warehouse(spark, str(root)).create("scored_pairs")  # ALTER TABLE of a path with quotes
    assert "delta.constraints.pairs_holds" in warehouse.properties("scored_pairs")
    assert {path.name for path in tmp_path.iterdir()} == {"a'b c"}
    assert {path.name for path in root.iterdir()} == {"scored_pairs"}


# ------------------------------------------------------------------------------------------------- data is never SQL


def test_conditions_that_are_written_are_told_from_others() -> None:
    history = HistorySpec(domain="reading", length=3, size=9)
    numeric = NumericSpec(names=("age",))
    written = [history.feature_condition(0, 3), CategorySpec(name="city", size=4).feature_condition(0, 2)]
    written += [numeric.feature_condition(0, number) for number in range(1, len(NUMERIC_EDGES) + 2)]
    assert [text for text in written if not is_condition(text)] == []
    for text in (
        "reflect('java.lang.System', 'exit')",
        "1 = 1 OR java_method('x') = 1",
        "a = 1; DROP TABLE x",
        "a = b",
        "",
    ):
        assert not is_condition(text)


# ------------------------------------------------------------------------------------------------- secrets stay out


SECRETS = {
    "spark": {
        "driver_memory": "1g",
        "conf": {
            "spark.hadoop.fs.s3a.secret.key": SECRET,
            "spark.hadoop.fs.azure.account.key.x": SECRET,
            "x.token": SECRET,
        },
    },
    "serving": {"store": f"redis://me:{SECRET}@host:6379/0"},
}


def config(path: Path) -> Config:
    return Config.model_validate({**CONFIGURATION, **SECRETS, "warehouse": str(path / "wh")})


def test_a_release_keeps_no_secret(tmp_path: Path) -> None:
    kept = kept_configuration(config(tmp_path), "ralm", {})
    assert SECRET not in kept
    assert kept.count("***") == 4


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**CONFIGURATION, "spark": {"conf": {"spark.hadoop.fs.s3a.secret.key": 12345678}}}))
    with pytest.raises(ConfigError, match=r"spark\.conf\..*secret\.key: ") as error:
        load_config(path)
    assert "12345678" not in str(error.value)


@pytest.mark.spark
@pytest.mark.long
def test_runs_and_checks_keep_no_secret(spark: SparkSession, tmp_path: Path) -> None:
    url = f"https://me:{SECRET}@host/list?token={SECRET}"
    lines: list[str] = []

    def action(step: RunningStep) -> None:
        step.say(f"read {url}")
        step.check("list matched", True, 1.0, f"{url}: 3 users")
        step.note = f"list {url}"
        if failing:
            raise failing.pop()

    failing: list[Exception] = [RalmError(f"no {url}"), ValueError(f"no {url}")]
    for _ in range(3):
        context = Context(spark, config(tmp_path), say=lines.append)
        try:
            run_steps(context, [Step("ingest", action, ("serving", "spark"), measured=False)])
        except (RalmError, ValueError):
            continue
    assert [line for line in lines if SECRET in line] == []
    assert context.warehouse.read("checks").count() == 3
    for path in (tmp_path / "wh").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    for name in ("runs", "checks"):
        text = str(context.warehouse.read(name).collect())
        assert SECRET not in text
        assert "host/list" in text


def test_texts_with_settings_are_masked(tmp_path: Path) -> None:
    """What `--dry-run` prints, and lines that hold settings."""
    written = auto.written(config(tmp_path), None)
    assert SECRET in str(written)
    assert SECRET not in yaml.safe_dump(without_secrets(written))
    printed = masked_settings(yaml.safe_dump(written, sort_keys=False))
    assert SECRET not in printed
    assert "spark.hadoop.fs.s3a.secret.key: ***" in printed


def test_the_numbers_of_a_numeric_are_those_of_the_page() -> None:
    """`is_condition` reads numbers as numpy and Python write them."""
    assert re.fullmatch(r"-?[\d.]+(?:e[+-]?\d+)?", str(np.float64(-1e9)))
