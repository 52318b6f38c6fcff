"""Rows that the tables refuse: which, how many, and when they are too many to go on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.errors import DataError, RalmError
from ralm.ingest.expressions import CORRUPT
from ralm.ingest.mapping import NOTE, REASON, ROW, UNREADABLE, Mapped
from ralm.ingest.source_counts import SourceCount
from ralm.ingest.value_kinds import excel_time, is_excel, time_format_of
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

DUPLICATE = "duplicate"
# Times that tell their form.
_ASKED = 50


def quarantined(mapped: Mapped) -> DataFrame:
    """The bad rows of a source: source, reason, row (the raw row as JSON)."""
    row = _json(mapped.frame) if mapped.kept is None else F.col(ROW)
    bad = mapped.rows.where(F.col(REASON).isNotNull())
    return bad.select(F.lit(mapped.source).alias("source"), F.col(REASON).alias("reason"), row.alias("row"))


def read_once(mapped: Mapped) -> Mapped:
    """The same, kept on the executors' disks when it is first computed, so that its source is read and mapped once.

    `free` gives the room back.
    """
    row = F.when(F.col(REASON).isNotNull(), _json(mapped.frame))
    return replace(mapped, kept=mapped.frame.withColumn(ROW, row).persist(StorageLevel.DISK_ONLY))


def with_raw_row(mapped: Mapped) -> DataFrame:
    """The targets of all rows, `reason`, and `row`: a bad row's raw columns as JSON, null for a good row."""
    bad = F.col(REASON).isNotNull()
    rows = mapped.frame.withColumns({"reason": F.col(REASON), "row": F.when(bad, _json(mapped.frame))})
    return rows.drop(REASON, NOTE, ROW)


def free(sources: list[Mapped]) -> None:
    """Give back the room that `read_once` took."""
    for mapped in sources:
        if mapped.kept is not None:
            mapped.kept.unpersist()


def keep_first(source: Mapped, key: str, best: list[Column]) -> DataFrame:
    """One good row per key: the first by `best`, ties by a hash of the content (equal hashes: equal rows)."""
    rows = source.good
    order = Window.partitionBy(key).orderBy(*best, F.xxhash64(*rows.columns))
    return rows.withColumn("_rank", F.row_number().over(order)).where("_rank = 1").drop("_rank")


def keep_by(rows: DataFrame, key: str, keep: str) -> DataFrame:
    """One row per key: the newest or oldest by seen_at, or any; ties by a hash of the content. seen_at is dropped.

    Rows are reduced before they are shuffled, so that a busy key costs no more than others.
    """
    values = [name for name in rows.columns if name not in (key, "seen_at")]
    content = F.struct(*(values or [key]))
    ties = F.xxhash64(*(values or [key]))
    order = ties if keep == "any" else F.struct("seen_at", ties)
    pick = F.min_by if keep == "oldest" else F.max_by
    kept = rows.groupBy(key).agg(pick(content, order).alias("kept"))
    return kept.select(key, *[f"kept.`{name}`" for name in values])


def duplicates(sources: list[Mapped], keys: Sequence[str], best: list[Column]) -> DataFrame | None:
    """The good rows that repeat a key and are not kept, as quarantine rows; None: no key is repeated.

    Keys are counted here; raw rows are read again only if some are repeated, and only rows of those keys are ordered.

    Args:
        sources: of the same kind; a row may repeat a row of another source.
        keys: columns in which two rows must agree to be the same.
        best: the order within a key; the first row stays.

    Raises:
        DataError: a file that cannot be read, an expression that fails on a value.
    """
    repeated = union(source.good.select(*keys) for source in sources).groupBy(*keys).count()
    repeated = repeated.where("count > 1").drop("count")
    with user_errors("ingest", {setting: text for source in sources for setting, text in source.expressions.items()}):
        if repeated.isEmpty():
            return None
    suspects = [
        # Sources have different raw columns, so each becomes JSON before the union.
        source.frame.where(F.col(REASON).isNull())
        .join(repeated, list(keys), "left_semi")
        .withColumn("source", F.lit(source.source))
        .withColumn(ROW, _json(source.frame))
        .drop(REASON, NOTE)
        for source in sources
    ]
    together = union(suspects)
    content = F.xxhash64(*[c for c in together.columns if c not in (ROW, "source")])
    order = Window.partitionBy(*keys).orderBy(*best, content, "source")
    ranked = together.withColumn("_rank", F.row_number().over(order))
    return ranked.where("_rank > 1").select("source", F.lit(DUPLICATE).alias("reason"), F.col(ROW).alias("row"))


def count_repeated(source: Mapped, keys: Sequence[str]) -> int:
    """Good rows that repeat a key within the source; 0 without keys."""
    if not keys:
        return 0
    groups = source.good.groupBy(*keys).count()
    found = groups.agg(F.sum(F.col("count") - 1).alias("rows")).first()
    return int(found["rows"] or 0) if found is not None else 0


def check_shares(sources: list[Mapped], counts: list[SourceCount], max_bad_share: float) -> None:
    """Stop before anything is written when a source has no rows, or too many bad ones.

    Raises:
        DataError: names every such source, its counts by reason and one bad row.
    """
    problems = []
    for mapped, count in zip(sources, counts, strict=True):
        if count.rows == 0:
            problems.append(f"ingest.{count.source}: no rows; look at `path` and `where`")
        elif count.bad_share > max_bad_share:
            reasons = ", ".join(f"{reason}: {bad:,}" for reason, bad in sorted(count.bad.items(), key=lambda p: -p[1]))
            if said := _said(mapped, count):
                reasons += f"; {said}"
            example = quarantined(mapped).select(F.substring("row", 1, 200)).first()
            assert example is not None
            problems.append(
                f"ingest.{count.source}: {count.bad_share:.1%} of {count.rows:,} rows are bad ({reasons}), more than "
                f"max_bad_share {max_bad_share:.1%}; for example {example[0]}{_hints(count)}{_forms(mapped, count)}"
            )
    if problems:
        raise DataError("; ".join(problems) + "; nothing was written")


def _hints(count: SourceCount) -> str:
    """What the bad rows' ids suffer from, with the remedy."""
    return "".join(f"; {note}: {said}" for note, (_, said) in count.said.items())


def _forms(mapped: Mapped, count: SourceCount) -> str:
    return "".join(f"; {line}" for reason in count.bad if (line := hint(mapped, reason)))


def hint(mapped: Mapped, reason: str) -> str | None:
    """What bad rows have in common, with the remedy; None: nothing is seen."""
    if reason == "null clicked":
        return "if an empty cell means no click: write coalesce(…, false)"
    return _row_hint(mapped) if reason == UNREADABLE else _time_hint(mapped, reason)


def _row_hint(mapped: Mapped) -> str | None:
    """That quotes are escaped by a backslash, if they are in half of the rows that cannot be read."""
    rows = quarantined(mapped).where(F.col("reason") == UNREADABLE).select("row").limit(_ASKED).collect()
    texts = [json.loads(row["row"]).get(CORRUPT) or "" for row in rows]
    escaped = sum('\\"' in text and text.lstrip()[:1] not in ("{", "[") for text in texts)
    if not escaped or 2 * escaped < len(texts):
        return None
    return "quotes within cells are written \\\" there: set options: {escape: '\\'}"


def _time_hint(mapped: Mapped, reason: str) -> str | None:
    """The form that times have which could not be read, as a setting; None: the reason is another, or none fits."""
    if reason not in mapped.unread:
        return None
    setting, tried, bad = mapped.unread[reason]
    with user_errors("ingest", mapped.expressions):
        values = [row["value"] for row in bad.limit(_ASKED).collect()]
    form = time_format_of(values)
    if form is None and is_excel(values):
        return f"'{values[0]}' looks like Excel's count of days: write {excel_time('column')}"
    if form is None or form in tried:
        return None
    return f"'{values[0]}' looks like {form}: set {setting}: {form}"


def _said(mapped: Mapped, count: SourceCount) -> str:
    """Why expressions fail, in Spark's words on one row each."""
    lines = []
    for reason, (where, rows) in mapped.causes.items():
        if reason in count.bad:
            try:
                with user_errors(where, mapped.expressions):
                    rows.first()
            except RalmError as error:
                lines.append(str(error))
    return "; ".join(lines)


def default_not_after() -> dt.datetime:
    """The moment of the run."""
    return dt.datetime.now(dt.UTC)


def _json(frame: DataFrame) -> Column:
    """The raw row; of one that cannot be read its text."""
    options = {"ignoreNullFields": "false"}
    fields: list[str] = frame.schema[ROW].dataType.names  # type: ignore[attr-defined]
    if CORRUPT not in fields or fields == [CORRUPT]:
        return F.to_json(F.col(ROW), options)
    text = F.col(ROW)[CORRUPT]
    cells = F.to_json(F.col(ROW).dropFields(CORRUPT), options)
    return F.when(text.isNull(), cells).otherwise(F.to_json(F.struct(text.alias(CORRUPT))))
