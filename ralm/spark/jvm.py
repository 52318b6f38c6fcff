"""The Java virtual machine of a driver on one machine: what lets it start fast, and small data pass through it fast.

Most of what a short run costs is the JVM's own work, loading classes and compiling them. The figures are in
docs/decisions/0006.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The quick compiler alone: a JVM that lives for minutes spends more on the other one than it gains. The code cache
# would then be 48 MB, which Spark fills. Small data need no second thread that collects garbage.
QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC"
# An archive of another Java or of other jars is left unused, without a word.
_SILENT = "-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"


def class_archive() -> Path:
    """Where `make jars` keeps the classes of Spark and Delta as the JVM holds them in memory, for this environment."""
    return Path(sys.prefix) / "spark-classes.jsa"


def class_path(jars: str) -> str:
    """Jars with commas between them as a class path: an archive knows the jars there, not those added to a session."""
    return jars.replace(",", ":")


def java_options(small: bool, archive: Path) -> str:
    """The driver's Java options.

    Args:
        small: whether the data are small.
        archive: the archive of classes, used if it is there.
    """
    # Spark takes options apart at blanks, as a shell does.
    used = [f'-XX:SharedArchiveFile="{archive}"', _SILENT] if archive.exists() else []
    return " ".join([*([QUICK] if small else []), *used])


def archiving(archive: Path) -> str:
    """The Java options of a run that leaves the classes that it loaded in `archive`."""
    return f'{QUICK} -XX:ArchiveClassesAtExit="{archive}" {_SILENT}'
