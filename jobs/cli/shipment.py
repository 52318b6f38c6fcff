"""What a job ships to a cluster: the package as a zip file, and Delta's jars."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ralm.config import Spark

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ralm", "udfs", "jobs")
# Where the Makefile lets `resolve_jars` record the jars.
JARS = Path(".venv/delta-jars")


@dataclass(frozen=True)
class Shipment:
    """What goes with a job: the zipped package and either Delta's resolved jars or their coordinates."""

    package: Path
    jars: str | None
    packages: str


def zip_package(root: Path, folder: Path) -> Path:
    """The package as `<folder>/ralm-<hash of its content>.zip`, made only if that content was not zipped before."""
    files = sorted(
        path
        for name in PACKAGES
        for path in (root / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )
    contents = [(path.relative_to(root).as_posix(), path.read_bytes()) for path in files]
    digest = hashlib.sha256()
    for name, content in contents:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    target = folder / f"ralm-{digest.hexdigest()[:16]}.zip"
    if not target.exists():
        descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents:
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        os.replace(temporary, target)  # a job that starts at the same moment sees all of it or nothing
    return target


def scratch_folder() -> Path:
    """A folder for zips that only this user can write to."""
    folder = Path(tempfile.gettempdir()) / f"ralm-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if folder.stat().st_uid == os.getuid() else Path(tempfile.mkdtemp(prefix="ralm-"))


def artifact() -> tuple[str, str]:
    """Name and version of Delta's Maven artifact: it carries the version of the installed Spark and of Scala."""
    spark = ".".join(importlib.metadata.version("pyspark").split(".")[:2])
    return f"delta-spark_{spark}_2.13", importlib.metadata.version("delta-spark")


def coordinates() -> str:
    """Maven coordinates of the jars that belong to the installed delta-spark and pyspark."""
    return "io.delta:{}:{}".format(*artifact())


def resolved_jars(record: Path) -> str | None:
    """The jars that `--resolve-jars` recorded, while all are there and of the installed delta-spark; else None."""
    if not record.exists():
        return None
    jars = record.read_text(encoding="utf-8").strip()
    current = "{}-{}.jar".format(*artifact()) in jars
    return jars if current and all(Path(jar).exists() for jar in jars.split(",")) else None


def resolve_jars(record: Path) -> None:
    """Let Spark's Ivy fetch Delta's jars into its cache, and write their paths to `record`."""
    from ralm.spark.session import get_session

    spark = get_session("resolve Delta's jars", Spark(master="local[1]", driver_memory="1g"))
    jars = spark.sparkContext.getConf().get("spark.jars", "") or ""
    spark.stop()
    record.write_text(",".join(jar.removeprefix("file://") for jar in jars.split(",")) + "\n", encoding="utf-8")
