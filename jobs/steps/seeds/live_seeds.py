"""Seeds as a stream: the change feed of the impressions, merged into `live_seeds`; `update_seeds` runs it.

Each micro-batch is one MERGE that carries the query's id and the batch's number: Delta skips a batch that is run again
after a crash. The stream's only state is the table, one row per item.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from jobs.steps.sources.landed_files import Landing
from jobs.steps.sources.streaming import begin, keep_going, query_id
from ralm.errors import MissingInputError
from ralm.features.live_seeds import net_clicks, updated_seeds
from ralm.runs.context import Context
from ralm.warehouse.forgotten import forgotten, without_forgotten
from ralm.warehouse.once import append_once, merge_once
from ralm.warehouse.warehouse import Warehouse

TABLE = "live_seeds"
SOURCE = "impressions stream"
BUCKETS = 64


class SeedStream:
    """Keeps `live_seeds` equal to what the batch job would make of the impressions.

    Args:
        context: of the application; its configuration's `stream` and `lookalike.seed_cap` count.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.warehouse = context.warehouse
        self.cap = context.config.lookalike.seed_cap
        self.checkpoint = f"{self.warehouse.path}/_streams/{TABLE}"

    def start(self, trigger: dt.timedelta | None) -> StreamingQuery:
        """Begin to follow the impressions, from where the stream stopped.

        Args:
            trigger: time between two batches; None: take what there is now, then end the query.

        Raises:
            MissingInputError: there are no impressions, or the table of an earlier stream is gone.
        """
        self.warehouse.version("impressions")
        known = self._has_checkpoint()
        if known and not self.warehouse.exists(TABLE):
            raise MissingInputError(
                f"table '{TABLE}': not found, but its stream was begun; remove {self.checkpoint} to begin it anew"
            )
        self.warehouse.create(TABLE)
        self.warehouse.create("quarantine")
        changes = self.warehouse.changes("impressions", self.context.config.stream.max_bytes)
        writer = changes.writeStream.queryName(TABLE).option("checkpointLocation", self.checkpoint)
        return begin(writer.foreachBatch(self.update), trigger)

    def update(self, changes: DataFrame, batch: int) -> None:
        """Merge one micro-batch; a second time it changes nothing."""
        clock = time.monotonic()
        spark = changes.sparkSession
        spark.conf.set("spark.sql.adaptive.enabled", "true")  # streams with state turn it off; this one has none
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        latest = now + dt.timedelta(seconds=self.context.config.stream.max_ahead)
        held = changes.where("clicked").persist()
        try:
            future = held.where((F.col("shown_at") > F.lit(latest)) & (F.col("_change_type") == "insert"))
            self._refuse(future, f"shown_at after {latest:%Y-%m-%d %H:%M} UTC", batch)
            net = net_clicks(held.where(F.col("shown_at") <= F.lit(latest)))
            if (gone := forgotten(self._in_session(spark))) is not None:  # their clicks still go, but do not come
                net = net.where("net < 0").unionByName(gone.without(net.where("net > 0")))
            net = net.persist()
            counts = net.select(F.count("*"), F.count_if(F.col("net") < 0), F.max("clicked_at")).first()
            assert counts is not None
            rows, gone, newest = counts
            if rows:
                self._merge(net, latest, now, held, batch)
                self.context.say(
                    f"batch {batch}: {rows:,} changed clicks, {gone:,} of them taken away, newest "
                    f"{newest:%Y-%m-%d %H:%M:%S}, {time.monotonic() - clock:.1f} s"
                )
            net.unpersist()
        finally:
            held.unpersist()

    def _merge(self, net: DataFrame, latest: dt.datetime, now: dt.datetime, held: DataFrame, batch: int) -> None:
        spark = net.sparkSession
        # Clicks that a batch takes away are gone from the log at its last commit; later commits come in later batches.
        version = held.select(F.max("_commit_version")).first()[0]  # type: ignore[index]
        there = self._in_session(spark)
        log = there.read("impressions", version).where(F.col("clicked") & (F.col("shown_at") <= F.lit(latest)))
        log = without_forgotten(there, log)
        live = there.read(TABLE)
        bucket = F.pmod(F.xxhash64("item_id"), F.lit(BUCKETS)).cast("int")
        rows = updated_seeds(net, live, log.withColumnRenamed("shown_at", "clicked_at"), self.cap, now)
        rows = rows.drop("rebuilt").withColumn("item_bucket", bucket).persist()
        buckets = [str(row[0]) for row in rows.select("item_bucket").distinct().collect()]  # at most `BUCKETS`
        same = f"old.item_bucket IN ({', '.join(buckets)}) AND old.item_id = new.item_id"
        metadata = json.dumps({"query": self.query_id, "batch": batch})
        try:
            merge_once(
                self.warehouse,
                TABLE,
                rows,
                same,
                gone="new.seeds IS NULL",
                app_id=self.query_id,
                number=batch,
                metadata=metadata,
            )
        finally:
            rows.unpersist()

    def _in_session(self, spark: SparkSession) -> Warehouse:
        """The warehouse in the session of a micro-batch."""
        return Warehouse(spark, self.warehouse.path, self.warehouse.user_id)

    def _refuse(self, rows: DataFrame, reason: str, batch: int) -> None:
        if rows.isEmpty():
            return
        raw = F.to_json(F.struct(*[c for c in rows.columns if not c.startswith("_")]))
        columns = [F.lit(SOURCE), F.lit(reason), raw, F.lit(f"{self.query_id}/{batch}")]
        names = ("source", "reason", "row", "run_id")
        frame = rows.select(*(column.alias(name) for column, name in zip(columns, names, strict=True)))
        append_once(self.warehouse, "quarantine", frame, app_id=f"{self.query_id}/quarantine", number=batch)
        self.context.say(f"batch {batch}: clicks with {reason} are in `quarantine`")

    @cached_property
    def query_id(self) -> str:
        """The id of the query, kept in its checkpoint; a new checkpoint counts its batches from 0 again."""
        return query_id(self.context.spark, self.checkpoint)

    def _has_checkpoint(self) -> bool:
        jvm = self.context.spark._jvm
        assert jvm is not None
        path = jvm.org.apache.hadoop.fs.Path(f"{self.checkpoint}/metadata")
        return bool(path.getFileSystem(self.context.spark.sparkContext._jsc.hadoopConfiguration()).exists(path))


def follow(context: Context, trigger: dt.timedelta | None, landing: str | None = None) -> None:
    """Merge new impressions into `live_seeds`, once or until the process ends.

    Args:
        context: of the application.
        trigger: time between two batches; None: take what is there now and end.
        landing: folder whose new files are taken into `impressions` first.
    """
    queries = [lambda: SeedStream(context).start(trigger)]
    if landing is not None:
        landed = Landing(context, landing)
        queries.insert(0, lambda: landed.start(trigger))
    # What there is now: the files first, then the seeds that they bring.
    for together in [queries] if trigger else [[query] for query in queries]:
        keep_going(together, context.say)
