"""spark-submit.sh: what it refuses before a JVM starts, what it ships, and the exit codes that come back.

Over 300 lines because each option of one command line is a case.
"""

import argparse
import datetime as dt
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from jobs.cli import profiles, shipment, submission
from jobs.cli.arguments import Arguments, locate, parse, run_job
from ralm.config import Config, load_config
from ralm.config.fixed_spark import REQUIRED
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.spark.session import PROVIDED

ROOT = Path(__file__).resolve().parents[2]

CONFIGURATION = {
    "name": "probe",
    "simulate": {},
    "fields": {
        "history": [{"domain": "reading"}],
        "item_domains": ["reading"],
        "strong_domain": "reading",
    },
    "user_model": {"representations": ["reading"]},
    "spark": {"driver_memory": "1g", "shuffle_partitions": 2},
}

JOB = '''"""Tells what reached it.

More lines that the list of jobs leaves out.
"""

import json
import sys

from jobs.cli.arguments import Arguments, run_job
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.spark.session import get_session

ERRORS = {2: ConfigError, 3: DataError, 4: MissingInputError, 5: ZeroDivisionError}


def shipped(batches):
    import pyarrow
    import ralm

    for batch in batches:
        yield pyarrow.RecordBatch.from_pydict({"file": [ralm.__file__] * batch.num_rows})


def main(arguments: Arguments) -> None:
    """Fail as the seed says, or write a Delta table and tell the settings."""
    if arguments.config.seed == 6:
        get_session("probe", arguments.config.spark).read.parquet("/no/such/folder")
    if arguments.config.seed in ERRORS:
        raise ERRORS[arguments.config.seed]("this is\\nthe message")
    spark = get_session("probe", arguments.config.spark)
    table = arguments.config.warehouse_path + "/numbers"
    spark.range(4).mapInArrow(shipped, "file string").write.format("delta").save(table)
    try:
        spark.read.text(arguments.config.warehouse_path + "/nothing")
    except Exception as error:
        missing = type(error).__name__
    told = {
        "files": [row.file for row in spark.read.format("delta").load(table).collect()],
        "properties": [row.value for row in spark.sql(f"SHOW TBLPROPERTIES delta.`{table}`").collect()],
        "zone": spark.conf.get("spark.sql.session.timeZone"),
        "memory": spark.conf.get("spark.driver.memory"),
        "master": spark.sparkContext.master,
        "mine": spark.conf.get("spark.ralm.mine", None),
        "python": sys.executable,
        "missing": missing,
        "as_of": str(arguments.as_of),
    }
    print("TOLD " + json.dumps(told))


if __name__ == "__main__":
    run_job(main, __doc__)
'''


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "probe.yaml"
    path.write_text(yaml.safe_dump({**CONFIGURATION, "warehouse": str(tmp_path / "warehouse")}))
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project whose only job is `probe`."""
    root = tmp_path / "a project"  # a path with a blank in it must do
    (root / "jobs").mkdir(parents=True)
    shutil.copytree(ROOT / "jobs" / "cli", root / "jobs" / "cli")
    for name in ("jobs/__init__.py", "spark-submit.sh"):
        shutil.copy(ROOT / name, root / name)
    for name in ("ralm", "udfs", "conf"):
        (root / name).symlink_to(ROOT / name)
    if (ROOT / ".venv").exists():
        (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "jobs" / "probe.py").write_text(JOB)
    return root


def call(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run spark-submit.sh as a person would: not from the environment of a running Spark."""
    environment = {key: value for key, value in os.environ.items() if "SPARK" not in key}
    return subprocess.run(
        [str(tree / "spark-submit.sh"), *arguments],
        capture_output=True, text=True, timeout=500, env=environment, cwd=tree.parent, check=False,
    )  # fmt: skip


def config(tmp_path: Path) -> Config:
    path = tmp_path / "inner.yaml"
    path.write_text(yaml.safe_dump(CONFIGURATION))
    return load_config(path)


# ------------------------------------------------------------------------------------------ before a JVM starts


def test_help_lists_the_jobs_with_their_first_line(tree: Path) -> None:
    done = call(tree, "--help")
    assert done.returncode == 0
    assert "  probe  Tells what reached it.\n" in done.stdout
    assert "arguments" not in done.stdout.split("jobs:")[1]
    assert call(tree).stdout == done.stdout


def test_the_help_of_a_job_needs_no_spark(tree: Path) -> None:
    done = call(tree, "probe", "--help")
    assert done.returncode == 0
    assert "--set SECTION.KEY=VALUE" in done.stdout
    assert "ralm/config/" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing", "--config", "probe.yaml"], 2, ["no job 'nothing'", "probe"]),
        (["probe"], 2, ["--config"]),
        (["probe", "--config", "absent.yaml"], 4, ["absent.yaml"]),
        (["probe", "--config", "probe.yaml", "--set", "lookalike.clusterz=3"], 2, ["lookalike.clusterz", "unknown"]),
        (["probe", "--config", "probe.yaml", "--set", "lookalike.clusters=0"], 2, ["lookalike.clusters", "found 0"]),
        (["probe", "--config", "probe.yaml", "--as-of", "yesterday"], 2, ["YYYY-MM-DD", "yesterday"]),
        (["probe", "--config", "probe.yaml", "--", "--jars"], 2, ["--jars"]),
    ],
)
def test_mistakes_are_told_in_one_line(
    tree: Path, config_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    done = call(tree, *arguments)
    assert done.returncode == code
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert all(word in lines[0] for word in words), lines[0]


def test_without_an_environment_make_venv_is_named(tree: Path, tmp_path: Path) -> None:
    (tree / ".venv").unlink(missing_ok=True)
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("bash", "dirname"):
        (bare / tool).symlink_to(shutil.which(tool) or "")
    (bare / "python3").symlink_to("/bin/false")
    done = subprocess.run(
        ["bash", str(tree / "spark-submit.sh"), "--help"], capture_output=True, text=True,
        env={"PATH": str(bare)}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "make venv" in done.stderr


# ----------------------------------------------------------------------------------------------- the command line


def build(
    tmp_path: Path, options: list[str], jars: str | None = "/jars/delta.jar", conf: dict[str, str] | None = None
) -> list[str]:
    settings = config(tmp_path)
    settings.spark.conf.update(conf or {})
    return submission.build_command(
        "spark-submit",
        Path("jobs/probe.py"),
        Arguments(config=settings, config_path=tmp_path / "inner.yaml"),
        ["--config", "inner.yaml"],
        options,
        shipment.Shipment(Path("/zips/ralm.zip"), jars, "io.delta:delta-spark_4.2_2.13:4.4.0", "-Xquick"),
        ROOT / "conf" / "spark",
    )


def value_of(command: list[str], option: str) -> str:
    """The value that spark-submit takes: the last one given."""
    return command[len(command) - 1 - command[::-1].index(option) + 1]


@pytest.mark.parametrize("options", [["--packages", "a:b:1,c:d:2"], ["--conf", "spark.jars.packages=a:b:1,c:d:2"]])
def test_packages_of_the_user_come_beside_ours(tmp_path: Path, options: list[str]) -> None:
    ours = "io.delta:delta-spark_4.2_2.13:4.4.0"
    elsewhere = build(tmp_path, ["--master", "yarn", *options])
    assert value_of(elsewhere, "--packages") == f"{ours},a:b:1,c:d:2"
    here = build(tmp_path, options)
    assert (value_of(here, "--packages"), value_of(here, "--jars")) == ("a:b:1,c:d:2", "/jars/delta.jar")
    # The setting would lose against the option.
    assert not any("spark.jars.packages" in part for part in [*here, *elsewhere])


def test_lists_of_the_configuration_come_beside_ours(tmp_path: Path) -> None:
    command = build(
        tmp_path,
        ["--jars", "last.jar"],
        conf={"spark.jars.packages": "a:b:1", "spark.jars": "mine.jar", "spark.files": "x.csv", "spark.mine": "1"},
    )
    assert value_of(command, "--packages") == "a:b:1"
    assert value_of(command, "--jars") == "/jars/delta.jar,mine.jar,last.jar"
    assert value_of(command, "--files") == f"{tmp_path / 'inner.yaml'},x.csv"


def test_local_by_default(tmp_path: Path) -> None:
    command = build(tmp_path, [])
    assert value_of(command, "--master") == "local[*]"
    assert value_of(command, "--driver-memory") == "1g"
    assert value_of(command, "--jars") == "/jars/delta.jar"
    assert value_of(command, "--files") == str(tmp_path / "inner.yaml")
    assert value_of(command, "--properties-file").endswith("defaults.conf")
    assert "--packages" not in command
    assert command[-3:] == ["jobs/probe.py", "--config", "inner.yaml"]


@pytest.mark.parametrize("options", [["--master", "yarn"], ["--master=yarn"], ["--conf", "spark.master=yarn"]])
def test_a_cluster_gets_coordinates_and_no_local_settings(tmp_path: Path, options: list[str]) -> None:
    command = build(tmp_path, options)
    assert value_of(command, "--packages") == "io.delta:delta-spark_4.2_2.13:4.4.0"
    assert "--jars" not in command
    assert not any(part.startswith("spark.driver.host=") for part in command)
    assert "local[*]" not in command


def test_the_users_options_join_lists_and_win_otherwise(tmp_path: Path) -> None:
    options = ["--packages", "a:b:1,c:d:2", "--files=/x/log.txt", "--driver-memory", "9g", "--conf", "spark.x=1"]
    command = build(tmp_path, options, jars=None)
    assert value_of(command, "--packages") == "io.delta:delta-spark_4.2_2.13:4.4.0,a:b:1,c:d:2"
    assert value_of(command, "--files") == f"{tmp_path / 'inner.yaml'},/x/log.txt"
    assert value_of(command, "--driver-memory") == "9g"
    assert value_of(command, "--conf") == "spark.x=1"
    assert command.count("--packages") == command.count("--files") == 1


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (["--remote", "sc://a;token=SECRET"], {}),
        (["--conf", "spark.remote=sc://a;token=SECRET"], {}),
        ([], {"SPARK_REMOTE": "sc://a;token=SECRET"}),
    ],
)
def test_a_command_says_that_it_does_not_run_over_spark_connect(options: list[str], given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"do not run over Spark Connect \(sc://a\).*ralm\.open") as refused:
        submission.refuse_connect(options, given)
    assert "SECRET" not in str(refused.value)
    submission.refuse_connect(["--master", "yarn"], {})


def test_a_properties_file_of_the_user_replaces_ours(tmp_path: Path) -> None:
    command = build(tmp_path, ["--properties-file", "mine.conf"])
    assert command.count("--properties-file") == 1
    assert "--master" not in command


def test_the_settings_of_every_job_and_of_a_notebook_agree() -> None:
    every = profiles.read_settings(ROOT / "conf/spark/defaults.conf")
    notebook = {**REQUIRED, "spark.jars.excludes": ",".join(PROVIDED)}
    assert {key: every[key] for key in notebook} == notebook


@pytest.mark.parametrize(
    ("master", "files"),
    [
        ("local[*]", ["local"]),
        ("local-cluster[2,1,1024]", ["local"]),
        ("spark://a:7077,b:7077", ["cluster", "standalone"]),
        ("yarn", ["cluster", "yarn"]),
        ("k8s://https://a:6443", ["cluster", "k8s"]),
        ("mine://a", ["cluster"]),
    ],
)
def test_the_master_chooses_the_settings(tmp_path: Path, master: str, files: list[str]) -> None:
    """Each file says what it alone has: nothing of defaults.conf, and nothing that two kinds of clusters have alike."""
    assert profiles.profile(master) == files
    command = build(tmp_path, ["--master", master, "--conf", "spark.network.timeout=1s"])
    given = [part for before, part in itertools.pairwise(command) if before == "--conf"]
    assert value_of(command, "--properties-file").endswith("defaults.conf")
    assert given[-1] == "spark.network.timeout=1s"  # what the user says wins
    wanted = [profiles.read_settings(ROOT / f"conf/spark/{name}.conf") for name in files]
    expected = [f"{key}={value}" for settings in wanted for key, value in settings.items()]
    assert given[: len(expected)] == expected
    keys = [key for settings in wanted for key in settings]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(profiles.read_settings(ROOT / "conf/spark/defaults.conf"))
    own = build(tmp_path, ["--master", master, "--properties-file", "mine.conf"])
    assert ("--conf" in own) == (files == ["local"])


def test_a_driver_on_this_machine_gets_the_jars_classes_and_javas_options(tmp_path: Path) -> None:
    command = build(tmp_path, [], jars="/jars/a.jar,/jars/b.jar")
    assert "spark.driver.extraClassPath=/jars/a.jar:/jars/b.jar" in command
    assert "spark.driver.extraJavaOptions=-Xquick" in command
    own = build(tmp_path, ["--conf", "spark.driver.extraJavaOptions=-Xown"])
    assert own.index("spark.driver.extraJavaOptions=-Xown") > own.index("spark.driver.extraJavaOptions=-Xquick")
    elsewhere = build(tmp_path, ["--master", "yarn"])
    assert not any(part.startswith("spark.driver.extra") for part in elsewhere)


def test_the_zip_holds_the_package_data_and_changes_only_with_the_content(tmp_path: Path) -> None:
    source, zips = tmp_path / "source", tmp_path / "zips"
    zips.mkdir()
    for name in ("ralm/report", "udfs", "jobs", "ralm/__pycache__"):
        (source / name).mkdir(parents=True)
    (source / "ralm" / "__init__.py").write_text("VALUE = 1\n")
    (source / "ralm" / "report" / "report.html").write_text("<p>")
    (source / "ralm" / "__pycache__" / "x.pyc").write_text("")
    first = shipment.zip_package(source, zips)
    assert zipfile.ZipFile(first).namelist() == ["ralm/__init__.py", "ralm/report/report.html"]
    content = first.read_bytes()
    first.unlink()
    os.utime(source / "ralm" / "__init__.py", (time.time() + 100, time.time() + 100))
    again = shipment.zip_package(source, zips)
    assert again == first
    assert again.read_bytes() == content
    (source / "ralm" / "__init__.py").write_text("VALUE = 2\n")
    assert shipment.zip_package(source, zips) != first


# ---------------------------------------------------------------------------------------------- the job's arguments


def test_parse_reads_everything(config_path: Path) -> None:
    line = ["--config", str(config_path), "--set", "seed=7", "--set", "lookalike.clusters=5", "--force"]
    got = parse("A job.", [*line, "--as-of", "2024-02-03", "--dry-run"], dry_run=True)
    assert (got.config.seed, got.config.lookalike.clusters) == (7, 5)
    assert (got.force, got.dry_run, got.as_of, got.config_path) == (True, True, dt.date(2024, 2, 3), config_path)


def test_flags_are_the_jobs_own_or_refused(config_path: Path) -> None:
    line = ["--config", str(config_path), "--items", "a,b"]
    with pytest.raises(ConfigError, match="--items"):
        parse("A job.", line)
    with pytest.raises(ConfigError, match="--dry-run"):
        parse("A job.", ["--config", str(config_path), "--dry-run"])
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--items")
    assert parse("A job.", line, options=own).options == {"items": "a,b"}
    assert parse("A job.", line, allow_rest=True).options == {}


def test_a_shipped_configuration_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("/not/here/demo.yaml") == Path("/not/here/demo.yaml")
    (tmp_path / "demo.yaml").touch()
    assert locate("/not/here/demo.yaml") == tmp_path / "demo.yaml"


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("a\nb"), 3), (MissingInputError("a b"), 4), (ZeroDivisionError("a b"), 1), (KeyboardInterrupt(), 130)],
)
def test_an_error_ends_the_job_with_one_line(
    config_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def main(arguments: Arguments) -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_job(main, "A job.", ["--config", str(config_path)])
    assert end.value.code == code
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    with pytest.raises(SystemExit):
        run_job(main, "A job.", ["--config", str(config_path), "--debug"])
    assert "Traceback" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------- the real spark-submit


@pytest.mark.spark
@pytest.mark.parametrize(("seed", "code"), [(3, 3), (5, 1)])
def test_exit_codes_come_back_through_spark_submit(tree: Path, config_path: Path, seed: int, code: int) -> None:
    done = call(tree, "probe", "--config", str(config_path), "--set", f"seed={seed}")
    assert done.returncode == code
    # spark-submit joins the job's stderr to its stdout.
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "this is the message" in lines[0]


@pytest.mark.long
@pytest.mark.spark
def test_an_error_of_spark_that_a_user_caused_is_one_line(tree: Path, config_path: Path) -> None:
    done = call(tree, "probe", "--config", str(config_path), "--set", "seed=6")
    assert done.returncode == MissingInputError.exit_code
    assert done.stdout.startswith("error: ")
    assert "/no/such/folder" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.long
@pytest.mark.spark
def test_a_job_finds_package_delta_and_settings(tree: Path, config_path: Path) -> None:
    done = call(
        tree, "probe", "--config", "probe.yaml", "--as-of", "2024-05-06",
        "--", "--conf", "spark.ralm.mine=yes", "--master", "local[1]",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.partition("TOLD ")[2])
    # The executors' Python imported the package from the shipped zip, and not from an installation.
    assert len(told["files"]) == 4
    assert all(".zip/ralm/" in file for file in told["files"]), told["files"]
    assert "false" in told["properties"]  # no deletion vectors
    assert (told["zone"], told["memory"], told["master"]) == ("UTC", "1g", "local[1]")
    assert (told["mine"], told["as_of"]) == ("yes", "2024-05-06")
    assert told["missing"] == "AnalysisException"
    if (ROOT / ".venv").exists():
        assert Path(told["python"]).resolve() == Path(sys.executable).resolve()
    # One word of the JVM about its incubator modules cannot be turned off; nothing else may be said.
    noise = [line for line in done.stderr.splitlines() if "incubator" not in line]
    # The record of jars is made by `make jars`; without it Ivy reports what it resolves.
    if (ROOT / ".venv" / "delta-jars").exists():
        assert noise == []
