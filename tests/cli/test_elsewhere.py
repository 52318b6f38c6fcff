"""What the command line adds for other places: jars of S3, and the Python of a packed environment."""

import sys
from pathlib import Path

import pytest

from jobs.cli.arguments import Arguments
from jobs.cli.profiles import read_settings
from jobs.cli.shipment import Shipment
from jobs.cli.submission import build_command, packed_python
from ralm.config import load_config
from ralm.spark.s3 import EXCLUDED, s3_coordinates
from ralm.spark.session import PROVIDED
from tests.finished import ROOT, TINY


def build(*options: str, more: str = "") -> list[str]:
    arguments = Arguments(config=load_config(TINY), config_path=TINY)
    shipment = Shipment(Path("ralm.zip"), "/jars/delta.jar", "io.delta:x:1", more=more)
    settings = ROOT / "conf" / "spark"
    return build_command("spark-submit", Path("jobs/x.py"), arguments, [], list(options), shipment, settings)


def test_the_jars_of_s3_come_beside_those_of_delta() -> None:
    local, cluster = build(more="a:b:1,c:d:1"), build("--master", "yarn", more="a:b:1,c:d:1")
    assert local[local.index("--packages") + 1] == "a:b:1,c:d:1"
    assert local[local.index("--jars") + 1] == "/jars/delta.jar"
    assert cluster[cluster.index("--packages") + 1] == "io.delta:x:1,a:b:1,c:d:1"


def test_the_jars_of_s3_fit_sparks_hadoop() -> None:
    names = [coordinate.split(":") for coordinate in s3_coordinates().split(",")]
    assert [name for _, name, _ in names] == ["hadoop-aws", "s3-transfer-manager", "sts"]
    assert names[0][2].startswith("3.")
    assert {version for _, _, version in names[1:]} == {"2.35.4"}
    assert set(EXCLUDED) <= set(PROVIDED)
    assert not any(pattern in ("org.apache.hadoop:*", "software.amazon.awssdk:*") for pattern in PROVIDED)
    assert read_settings(ROOT / "conf/spark/defaults.conf")["spark.jars.excludes"] == ",".join(PROVIDED)


@pytest.mark.parametrize(
    "written", [["--archives", "x.tar.gz#environment"], ["--conf", "spark.archives=a.zip,x.tgz#environment"]]
)
def test_a_packed_environment_is_the_python_of_the_executors(written: list[str]) -> None:
    command = build("--master", "spark://host:7077", *written)
    assert "spark.pyspark.python=./environment/bin/python" in command
    assert f"spark.pyspark.driver.python={sys.executable}" in command
    in_cluster = packed_python([*written, "--deploy-mode", "cluster"])
    assert in_cluster == {"spark.pyspark.python": "./environment/bin/python"}


def test_another_python_or_another_archive_stays_as_it_is() -> None:
    assert packed_python(["--archives", "data.zip#lists"]) == {}
    assert packed_python([]) == {}
    own = ["--archives", "x.tar.gz#environment", "--conf", "spark.pyspark.python=/opt/python"]
    command = build(*own)
    last = [part for part in command if part.startswith("spark.pyspark.python=")][-1]
    assert last == "spark.pyspark.python=/opt/python"
