"""One Spark session per worker: starting a JVM per test would take most of the suite's time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pyspark.sql import SparkSession

import ralm
from ralm.config import Spark
from ralm.spark.jvm import class_archive, java_options
from ralm.spark.session import get_session
from tests.built_once import built_once
from tests.finished import SETTINGS, SPARK, VARIANTS, Finished, read_tiny, run_tiny, submit_tiny
from tests.time_budget import TimeBudget

SHARED = Path(__file__).resolve().parents[2] / "shared"
# Files in the order in which workers take them: those waiting for the pipeline or the toy world, then other long ones.
FIRST = (
    "test_nightly",
    "test_contract",
    "test_compare",
    "test_round",
    "test_living_world",
    "test_regression",
    "test_own_list",
    "test_report",
    "test_lsh_iv",
    "test_cold_start_switch",
    "test_scored_pairs",
    "test_youtube_dnn",
    "test_local_cluster",
    "test_live_seeds",
    "test_landed_files",
    "test_tables",
    "test_export",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--file-budget", type=float, default=0.0, help="seconds that a test file may take; 0: any")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(TimeBudget(config.getoption("--file-budget")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "notebook_world" in getattr(item, "fixturenames", ()):  # it takes a minute to build
            item.add_marker(pytest.mark.long)
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The tensors are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def spark(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    # Expressions are interpreted in `make test`; where long tests run as well, as in CI, Spark compiles them.
    expressions = "FALLBACK" if any(map(is_long, request.session.items)) else "NO_CODEGEN"
    # It lives long enough for both compilers (docs/decisions/0008), and collects garbage beside another session.
    java = f"-XX:+UseSerialGC {java_options(small=False, archive=class_archive())}"
    session = get_session(
        "tests",
        Spark(
            master="local[2]",
            shuffle_partitions=2,  # the frames are tiny: more partitions are only overhead
            driver_memory="3g",
            conf={
                **SPARK,
                "spark.driver.extraJavaOptions": java,
                "spark.sql.warehouse.dir": str(scratch / "warehouse"),
                "spark.local.dir": str(scratch / "local"),
                "spark.databricks.delta.snapshotPartitions": "1",  # Delta's log is tiny as well, as in conf/tiny.yaml
                # Compiling a stage takes longer than it runs on so few rows, and so does planning it again.
                "spark.sql.codegen.wholeStage": "false",
                "spark.sql.codegen.factoryMode": expressions,
                "spark.sql.adaptive.enabled": "false",
            },
        ),
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def tiny_run(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The pipeline's run on the smallest world, once. Look at it; change a copy.

    Where a long test looks at it, as in CI, it is submitted as a user would, to two executors; `make test` runs the
    steps in its own session.
    """
    if any("tiny_run" in getattr(item, "fixturenames", ()) and is_long(item) for item in request.session.items):
        return read_tiny(spark, built_once(tmp_path_factory, "tiny", submit_tiny), SETTINGS)
    own = built_once(tmp_path_factory, "tiny_own", lambda folder: run_tiny(spark, folder))
    return read_tiny(spark, own, VARIANTS)


def is_long(item: pytest.Item) -> bool:
    """Whether `make test` leaves it out."""
    return any(item.get_closest_marker(name) for name in ("long", "soak"))


@pytest.fixture(scope="session")
def notebook_world(spark: SparkSession, tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`wh`, a copy of that warehouse with what notebooks show, built once. Look at it."""
    from tests.notebook_world import build_notebook_world

    return built_once(tmp_path_factory, "notebook_world", lambda folder: build_notebook_world(tiny_run, folder))


@pytest.fixture(scope="session")
def w(spark: SparkSession, notebook_world: Path) -> ralm.Workspace:
    """The world of notebooks, opened."""
    return ralm.open(str(notebook_world / "wh"), spark)


@pytest.fixture(scope="session")
def real_data() -> Path:
    return beside_the_project("data")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Small inputs of public bug reports, a folder each."""
    return beside_the_project("cases")


def beside_the_project(name: str) -> Path:
    """A folder that tests need and the project does not hold; without it they are skipped, but not in CI."""
    folder = SHARED / name
    if not folder.exists():
        if os.environ.get("CI") == "true" and SHARED.exists():
            pytest.fail(f"CI must not skip: nothing at {folder}")
        pytest.skip(f"not there: {folder}")
    return folder
