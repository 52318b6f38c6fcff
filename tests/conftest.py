"""One Spark session for the whole run: starting a JVM a test would take most of the suite's time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pyspark.sql import SparkSession

from ralm.config import Spark
from ralm.session import get_session
from tests.finished import Finished, run_tiny

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The tensors are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    session = get_session(
        "tests",
        Spark(
            master="local[2]",
            shuffle_partitions=2,  # the frames are tiny: more partitions are only overhead
            driver_memory="3g",
            conf={
                "spark.sql.warehouse.dir": str(scratch / "warehouse"),
                "spark.local.dir": str(scratch / "local"),
                "spark.databricks.delta.snapshotPartitions": "2",  # Delta's log is tiny as well
                "spark.default.parallelism": "2",
            },
        ),
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def tiny_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The pipeline's run on the smallest world: two minutes, once. Look at it; change a copy."""
    return run_tiny(spark, tmp_path_factory.mktemp("tiny") / "wh")


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not REAL_DATA.exists():
        if os.environ.get("CI") == "true" and REAL_DATA.parent.exists():
            pytest.fail(f"CI must not skip: no real data at {REAL_DATA}")
        pytest.skip(f"the real data sets are not at {REAL_DATA}")
    return REAL_DATA
