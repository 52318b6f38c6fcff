"""Rows from all over a source, for `--dry-run`: all of a small one, the first rows of many pieces of a large one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.ingest.byte_order import PACKED_ENDINGS
from ralm.ingest.files import SourceFile

# A source of so many bytes is read whole: some ten seconds.
WHOLE = 32 * 1024**2
# Of a larger one, so many rows are read from so many pieces, which lie in so many files at most.
ROWS, PIECES = 20_000, 200
_SMALLEST = 64 * 1024
_SIZES = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")


@dataclass
class Sample:
    """What of a source is looked at; it is filled while the source is read.

    Attributes:
        whole: bytes up to which all rows are.
        size: bytes of the source.
        files: how many it has; 0: it is a table.
        chosen: how many of them are looked at.
        looked_at: rows read at most; None: all of them.
        about: rows that there are; None: unknown.
    """

    spark: SparkSession
    whole: int = WHOLE
    size: int = 0
    files: int = 0
    chosen: int = 0
    looked_at: int | None = None
    about: int | None = None
    _paths: list[str] = field(default_factory=list)

    def choose(self, files: Sequence[SourceFile]) -> list[SourceFile]:
        """All files, or evenly spaced ones with the first and the last among them."""
        self.size, self.files = sum(file.size for file in files), len(files)
        count = len(files) if self.size <= self.whole else min(len(files), PIECES)
        step = (len(files) - 1) / max(1, count - 1)
        found = [files[round(place * step)] for place in range(count)]
        self.chosen, self._paths = len(found), [file.path for file in found]
        return found

    def rows(self, raw: DataFrame, form: str) -> DataFrame:
        """All rows, or the first ones of each piece."""
        if not self.files:
            self.size = int(str(raw._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))
        if self.size <= self.whole:
            return raw
        self.about = self._about(raw, form)
        with self.pieces():
            pieces = max(1, int(raw._jdf.queryExecution().toRdd().getNumPartitions()))
        most = max(1, ROWS // pieces)
        self.looked_at = pieces * most
        return first_of_each_piece(raw, most)

    def _about(self, raw: DataFrame, form: str) -> int | None:
        """The number of rows: counted where files know it, else by the length of some lines."""
        if form in ("parquet", "delta"):
            return raw.count() * self.files // max(1, self.chosen)
        if not self.files or any(path.lower().endswith(PACKED_ENDINGS) for path in self._paths):
            return None
        lines = self.spark.read.option("__globPaths__", "false").text(self._paths[:: max(1, len(self._paths) // 20)])
        with self.pieces():
            mean = first_of_each_piece(lines, 20).agg(F.avg(F.octet_length("value") + 1)).first()
        return round(self.size / mean[0]) if mean and mean[0] else None

    @contextmanager
    def pieces(self) -> Iterator[None]:
        """Inside, Spark cuts the files into pieces, each of one file."""
        if self.size <= self.whole:
            yield
            return
        conf = self.spark.conf
        before = {key: conf.get(key) for key in _SIZES}
        try:
            for key in _SIZES:
                conf.set(key, str(max(_SMALLEST, self.size // PIECES)))
            yield
        finally:
            for key, value in before.items():
                conf.set(key, str(value))

    def __str__(self) -> str:
        if self.looked_at is None:
            return "all rows were looked at"
        size = f"{self.size / 1e9:.1f} GB" if self.size >= 1e9 else f"{self.size / 1e6:.0f} MB"
        rows = "of an unknown number" if self.about is None else f"of about {self.about:,}"
        where = f" in {self.chosen:,} of {self.files:,} files" if self.files else ""
        return f"up to {self.looked_at:,} rows {rows} ({size}) were looked at, the first of many pieces{where}"


def first_of_each_piece(raw: DataFrame, most: int) -> DataFrame:
    """The first rows of every partition; no partition is read further."""
    spark = raw.sparkSession
    jvm: Any = spark._jvm
    plan = raw.limit(most)._jdf.logicalPlan().child()  # a limit of all rows stands over one of each partition
    return DataFrame(jvm.org.apache.spark.sql.classic.Dataset.ofRows(spark._jsparkSession, plan), spark)
