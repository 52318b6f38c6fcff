"""What goes with a job: the package as a zip file, Delta's jars, and Java's options on one machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ralm", "udfs", "jobs")


@dataclass(frozen=True)
class Shipment:
    """What goes with a job.

    Attributes:
        package: the zipped package.
        jars: Delta's jars as fetched for this environment; None: only their coordinates are known.
        packages: their Maven coordinates.
        more: coordinates that are fetched wherever the job runs: those of S3, if it is used.
        java: Java's options for a driver on this machine; empty: none.
    """

    package: Path
    jars: str | None
    packages: str
    java: str = ""
    more: str = ""


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
