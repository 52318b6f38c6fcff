"""Tests of Delta's jars, of Java's options, and of the archive of classes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ralm.spark import jars, jvm

ROOT = Path(__file__).resolve().parents[2]

ASK = """
from ralm.config import Spark
from ralm.spark.session import get_session
spark = get_session("ask", Spark(master="local[1]", driver_memory="1g"))
java = spark._jvm.java
given = list(java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments())
print("SHARED", any("SharedArchiveFile" in option for option in given))
print("ROWS", spark.range(3).count(), spark.conf.get("spark.jars", "").count("delta-spark"))
"""


def test_jars_are_used_only_while_they_are_there_and_fit(tmp_path: Path) -> None:
    record = tmp_path / "delta-jars"
    assert jars.fetched(record) is None
    version = jars.coordinates().rpartition(":")[2]
    jar = tmp_path / f"io.delta_delta-spark_4.2_2.13-{version}.jar"
    record.write_text(f"{jar}\n")
    assert jars.fetched(record) is None
    jar.touch()
    assert jars.fetched(record) == str(jar)
    old = tmp_path / "io.delta_delta-spark_4.2_2.13-0.0.1.jar"
    old.touch()
    record.write_text(f"{old}\n")
    assert jars.fetched(record) is None


def test_java_gets_an_archive_that_is_there_and_the_quick_compiler_for_small_data(tmp_path: Path) -> None:
    archive = tmp_path / "a folder" / "classes.jsa"
    assert jvm.java_options(small=False, archive=archive) == ""
    assert jvm.java_options(small=True, archive=archive) == jvm.QUICK
    archive.parent.mkdir()
    archive.touch()
    assert f'-XX:SharedArchiveFile="{archive}"' in jvm.java_options(small=False, archive=archive)
    assert "Tiered" not in jvm.java_options(small=False, archive=archive)


@pytest.mark.long
@pytest.mark.spark
def test_a_session_from_python_takes_what_make_jars_left_and_says_nothing() -> None:
    if not jvm.class_archive().exists():
        pytest.skip("no archive of classes: make jars")
    environment = {key: value for key, value in os.environ.items() if "SPARK" not in key}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "SHARED True\nROWS 3 1\n" in done.stdout
    assert "[warning]" not in done.stdout + done.stderr  # how Java speaks of an archive
    assert "resolving dependencies" not in done.stderr  # Ivy was not asked
