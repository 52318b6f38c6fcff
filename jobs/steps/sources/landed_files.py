"""Impressions that land as files in a folder: good rows go into `impressions` once, the rest to quarantine."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from jobs.steps.sources.streaming import begin, query_id
from ralm.config import ImpressionSource
from ralm.errors import ConfigError, RalmError, one_line
from ralm.ingest.files import STRAY, some
from ralm.ingest.findings import wrong_unit
from ralm.ingest.logs import complete_impressions, impression_targets, impressions_table
from ralm.ingest.mapping import map_source
from ralm.ingest.quarantine import with_raw_row
from ralm.ingest.read import read_source
from ralm.ingest.source_counts import Span
from ralm.runs.context import Context
from ralm.spark.causes import innermost
from ralm.spark.errors import short_message, user_errors
from ralm.spark.frames import union
from ralm.warehouse.forgotten import forgotten
from ralm.warehouse.once import append_once

SETTING, SOURCE = "ingest.impressions", "landed impressions"
_GLOB = re.compile(r"[\\*?{}\[\]]")  # escaped, since a file's name is not a pattern


def _why(error: Exception) -> str:
    """Why a file is refused, in one line; what py4j says is a stack of Java, whose last cause says it."""
    return one_line(short_message(innermost(error) if isinstance(error, Py4JJavaError) else str(error)))


class Landing:
    """Takes each file of a folder once, whatever it holds.

    A file that cannot be read or mapped (another format, broken, without a column) is a row of `quarantine`; so is each
    row of a good file that the mapping refuses, among them times ahead of this machine's clock. The stream goes on.

    Args:
        context: its configuration's `ingest.impressions` says how the files are laid out.
        folder: where they land; a file must be whole when it appears under its name.

    Raises:
        ConfigError: the configuration has no section `ingest`.
    """

    def __init__(self, context: Context, folder: str) -> None:
        if context.config.ingest is None:
            raise ConfigError("--landing: the configuration has no `ingest` section to say how files are laid out")
        self.context, self.folder = context, folder
        self.source = context.config.ingest.impressions
        self.markers = context.config.ingest.null_markers
        if context.config.ingest.more_impressions:
            raise ConfigError("--landing: ingest.impressions has several sources; a landed file has one layout")
        if self.source.table or self.source.format == "delta":
            raise ConfigError("--landing: ingest.impressions is a table, and files land in a folder")
        name = hashlib.sha256(folder.encode()).hexdigest()[:8]
        self.checkpoint = f"{context.warehouse.path}/_streams/landing-{name}"

    def start(self, trigger: dt.timedelta | None) -> StreamingQuery:
        """Begin to take files, from where the stream stopped.

        Args:
            trigger: time between two batches; None: take what there is now, then end the query.

        Raises:
            MissingInputError: there is no such folder.
        """
        for name in ("impressions", "quarantine"):
            self.context.warehouse.create(name)
        # List names only: the content is read file by file, so that a broken file stops nothing.
        files = self.context.spark.readStream.format("binaryFile").option("recursiveFileLookup", "true")
        files = files.schema("path string, modificationTime timestamp, length bigint, content binary")
        files = files.option("maxFilesPerTrigger", self.context.config.stream.max_files)
        # Ignore a file's age: back-fills keep old times, and one time far ahead would make all other files too old.
        files = files.option("maxFileAge", "3650000d").option("ignoreMissingFiles", "true")
        with user_errors(f"--landing {self.folder}"):
            named = files.load(self.folder).select("path")
        writer = named.writeStream.queryName("landing").option("checkpointLocation", self.checkpoint)
        return begin(writer.foreachBatch(self.take), trigger)

    def _known(self, path: str, rows: DataFrame) -> DataFrame:
        """Without users who were forgotten; how many rows that leaves out is said."""
        gone = forgotten(self.context.warehouse)
        if gone is None:
            return rows
        if count := gone.among(rows).count():
            self.context.say(f"{path}: {count:,} rows of users who were forgotten are left out")
        return gone.without(rows)

    def take(self, files: DataFrame, batch: int) -> None:
        """Append one batch of files; a second time it changes nothing."""
        named = sorted(row["path"] for row in files.collect())  # `stream.max_files` names at most
        paths = [path for path in named if not STRAY.search(path)]
        if stray := [path for path in named if STRAY.search(path)]:
            self.context.say(f"files {batch}: left out as unfinished, until they are renamed: {some(stray)}")
        read, taken, refused = [], [], []
        for path in paths:
            try:
                read.append(self._rows(path))
                taken.append(self._known(path, read[-1]))
            except (RalmError, PySparkException, Py4JJavaError) as error:
                refused.append((path, _why(error)))
        try:
            self._write(taken, refused, batch)
        finally:
            for rows in read:
                rows.unpersist()
        if paths:
            said = "; ".join(f"{path}: {reason}" for path, reason in refused)
            ending = f", {len(refused):,} refused: {said}" if refused else ""
            self.context.say(f"files {batch}: {len(taken):,} taken{ending}")

    def _rows(self, path: str) -> DataFrame:
        """(user_id, item_id, shown_at, clicked, reason, row) of a file, whatever its columns; persisted, fully read."""
        source = self.source.model_copy(update={"path": _GLOB.sub(r"\\\g<0>", path)})
        raw = read_source(self.context.spark, source, self.context.config.data_root, SETTING)
        targets = impression_targets(source, self.context.config.user_id_type)
        latest = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.context.config.stream.max_ahead)
        mapped = map_source(raw, source, targets, SETTING, not_after=latest, markers=self.markers)
        rows = with_raw_row(
            complete_impressions(mapped, source, self.context.config.seed, by_hash=self.context.untimed)
        )
        rows = rows.persist()
        try:
            self._look(rows, source)
        except Exception:
            rows.unpersist()
            raise
        return rows

    def _look(self, rows: DataFrame, source: ImpressionSource) -> None:
        """Read all rows: a broken file fails here, and so does one whose times are of another unit."""
        at = F.when(F.col("reason").isNull(), F.col("shown_at")).cast("double")
        row = rows.agg(F.count("*"), F.percentile_approx(at, [0.05, 0.95], 1_000).alias("between")).first()
        if row is None or row["between"] is None or self.context.untimed:
            return
        low, high = row["between"]
        if wrong := wrong_unit(source, Span(low, low, high, high, 0), f"{SETTING}.time_format"):
            raise ConfigError(wrong)

    def _write(self, taken: list[DataFrame], refused: list[tuple[str, str]], batch: int) -> None:
        spark, warehouse = self.context.spark, self.context.warehouse
        query = query_id(spark, self.checkpoint)
        lines = [(reason, json.dumps({"path": path})) for path, reason in refused]
        bad = [spark.createDataFrame(lines, "reason string, row string")]
        bad += [rows.where("reason IS NOT NULL").select("reason", "row") for rows in taken]
        named = {"source": F.lit(SOURCE), "run_id": F.lit(f"{query}/{batch}")}
        tables = {"quarantine": union(bad).withColumns(named)}
        if taken:
            good = union(taken).where("reason IS NULL")
            tables["impressions"] = impressions_table(good, self.source.domain)
        for name, frame in tables.items():
            if frame.isEmpty():
                continue
            append_once(warehouse, name, frame, app_id=f"{query}/{name}", number=batch)
