"""Delta's jars: their Maven coordinates, and the files that Spark's Ivy fetched once for this environment."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

# Settings that are lists of packages and files: what a configuration gives joins what we give (jobs/cli/listed.py).
LISTED = ("spark.jars.packages", "spark.jars", "spark.files", "spark.submit.pyFiles")


def record() -> Path:
    """The file of this environment in which `make jars` keeps the paths of the fetched jars."""
    return Path(sys.prefix) / "delta-jars"


def artifact() -> tuple[str, str]:
    """Name and version of Delta's Maven artifact: it carries the version of the installed Spark and of Scala."""
    spark = ".".join(importlib.metadata.version("pyspark").split(".")[:2])
    return f"delta-spark_{spark}_2.13", importlib.metadata.version("delta-spark")


def coordinates() -> str:
    """Maven coordinates of the jars that belong to the installed delta-spark and pyspark."""
    return "io.delta:{}:{}".format(*artifact())


def fetched(path: Path) -> str | None:
    """The jars that a record names, with commas between them; None: not all are there, or for another delta-spark."""
    if not path.exists():
        return None
    jars = path.read_text(encoding="utf-8").strip()
    current = "{}-{}.jar".format(*artifact()) in jars
    return jars if current and all(Path(jar).exists() for jar in jars.split(",")) else None
