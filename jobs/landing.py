"""Impressions that land as files in a folder: good rows into `impressions` once, the rest to quarantine (no job)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from jobs.streams import begin, query_id
from ralm.errors import ConfigError, RalmError
from ralm.ingest.logs import complete_impressions, impression_targets, impressions_table
from ralm.ingest.mapping import Mapped, map_source
from ralm.ingest.quarantine import quarantined
from ralm.ingest.read import read_source
from ralm.runs import Context
from ralm.spark_errors import short_message

SETTING, SOURCE = "ingest.impressions", "landed impressions"


class Landing:
    """Takes each file of a folder once, whatever is in it.

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
            raise ConfigError("--landing: the configuration has no `ingest` section that says how files are laid out")
        self.context, self.folder = context, folder
        self.source = context.config.ingest.impressions
        name = hashlib.sha256(folder.encode()).hexdigest()[:8]
        self.checkpoint = f"{context.warehouse.path}/_streams/landing-{name}"

    def start(self, trigger: dt.timedelta | None) -> StreamingQuery:
        """Begin to take files, from where it was left.

        Args:
            trigger: time between two batches; None: what there is now, and then the query ends.
        """
        for name in ("impressions", "quarantine"):
            self.context.warehouse.create(name)
        # Only the names: the content is read file by file, so that one that is broken stops nothing.
        files = self.context.spark.readStream.format("binaryFile").option("recursiveFileLookup", "true")
        files = files.schema("path string, modificationTime timestamp, length bigint, content binary")
        files = files.option("maxFilesPerTrigger", self.context.config.stream.max_files)
        writer = files.load(self.folder).select("path").writeStream.queryName("landing")
        return begin(writer.option("checkpointLocation", self.checkpoint).foreachBatch(self.take), trigger)

    def take(self, files: DataFrame, batch: int) -> None:
        """Append one batch of files; a second time it changes nothing."""
        paths = sorted(row["path"] for row in files.collect())  # `stream.max_files` names at most
        good, bad, refused = [], [], []
        for path in paths:
            try:
                mapped = self._mapped(path)
                rows = mapped.frame.persist()
                rows.count()  # a broken file says so here
                good.append(rows)
                bad.append(Mapped(f"{SOURCE} {path}", rows))
            except (RalmError, PySparkException) as error:
                refused.append((path, short_message(str(error))))
        try:
            self._write(good, bad, refused, batch)
        finally:
            for rows in good:
                rows.unpersist()
        if paths:
            said = "; ".join(f"{path}: {reason}" for path, reason in refused)
            ending = f", {len(refused):,} refused: {said}" if refused else ""
            self.context.say(f"files {batch}: {len(good):,} taken{ending}")

    def _mapped(self, path: str) -> Mapped:
        source = self.source.model_copy(update={"path": path})
        raw = read_source(self.context.spark, source, "", SETTING)
        targets = impression_targets(source, self.context.config.user_id_type)
        latest = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=self.context.config.stream.max_ahead)
        mapped = map_source(raw, source, targets, SETTING, not_after=latest)
        return complete_impressions(mapped, source, self.context.config.seed)

    def _write(self, good: list[DataFrame], bad: list[Mapped], refused: list[tuple[str, str]], batch: int) -> None:
        spark, warehouse = self.context.spark, self.context.warehouse
        query = query_id(spark, self.checkpoint)
        run = F.lit(f"{query}/{batch}").alias("run_id")
        rows = [(SOURCE, reason, json.dumps({"path": path})) for path, reason in refused]
        parts = [spark.createDataFrame(rows, "source string, reason string, row string")]
        parts += [quarantined(mapped).withColumn("source", F.lit(SOURCE)) for mapped in bad]
        tables = {"quarantine": reduce(DataFrame.unionByName, parts).select("source", "reason", "row", run)}
        if good:
            taken = [impressions_table(Mapped(SOURCE, part).good, self.source.domain) for part in good]
            tables["impressions"] = reduce(DataFrame.unionByName, taken)
        for name, frame in tables.items():
            if frame.isEmpty():
                continue
            writer = warehouse.conform(name, frame).write.format("delta").mode("append")
            writer = writer.option("txnAppId", f"{query}/{name}").option("txnVersion", batch)
            writer.save(warehouse.table_path(name))
