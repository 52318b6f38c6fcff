"""The known users of a list, and a report on the ids that met none."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.errors import DataError
from ralm.ingest.ids import is_missing, without_decimals
from ralm.ingest.letters import as_seen
from ralm.ingest.list_columns import plain_name
from ralm.ingest.user_list import SHOWN, UserList
from ralm.insight.small_counts import said

SHA256 = r"^[0-9a-fA-F]{64}$"
# Below this share of matched ids, examples of both sides are shown.
FEW = 0.1


@dataclass(frozen=True)
class ListReport:
    """How a list met the known users.

    Attributes:
        read: rows of the list.
        empty: rows without an id, or with a marker of a missing one.
        duplicates: rows that repeat an earlier id.
        matched: ids of known users.
        unmatched: ids of unknown users.
        decimals: ids that were written as decimals and taken as the whole numbers that they are.
        header: what stands in the first line and is no known user; None: the first line has an id, or there is none.
    """

    read: int
    empty: int
    duplicates: int
    matched: int
    unmatched: int
    decimals: int = 0
    header: str | None = None

    def __str__(self) -> str:
        return self.said(0)

    def said(self, minimum: int) -> str:
        """The report in words; counts of fewer people than the minimum are not given (`privacy.minimum`)."""

        def people(count: int) -> str:
            return said(count, minimum)

        text = (
            f"{people(self.read)} ids read, {people(self.empty)} empty, {people(self.duplicates)} duplicates, "
            f"{people(self.matched)} matched, {people(self.unmatched)} unmatched"
        )
        if self.decimals:
            text += f"; {people(self.decimals)} decimals such as 12345.0 taken as whole numbers"
        if self.header is not None:
            text += f"; the first line, '{self.header[:60]}', is no known user and was taken for a header"
        return text


def user_key(user_id: str, hashed: bool) -> Column:
    """What an id of a list is compared with: the user id as text, or its SHA-256 in lower-case hexadecimal digits."""
    text = F.col(user_id).cast("string")
    return F.sha2(text, 256) if hashed else text


def match_users(given: UserList, users: DataFrame, *, hashed: bool) -> tuple[DataFrame, ListReport]:
    """The known users of a list.

    The list is shuffled once to find duplicates, then joined to the users; only the list may be broadcast. An id that
    is a known user as it stands is that user; only another one is read as a decimal, or as missing.

    Args:
        given: of `read_user_list`.
        users: (user_id), all known users, each once.
        hashed: the ids are SHA-256 digests.

    Returns:
        (user_id), persisted, and the report; nothing matched and nothing read is no error here. If the list has values
        also `value` double, the sum of the user's.

    Raises:
        DataError: `hashed` was asked for and an id is not a SHA-256 digest, or ids have lost digits.
    """
    text = F.lower("id") if hashed else F.col("id")
    known = users.select("user_id", user_key("user_id", hashed).alias("key"))
    values = [F.sum("value").alias("value")] if "value" in given.ids.columns else []
    counted = given.ids.groupBy(text.alias("key")).agg(
        F.count("*").alias("count"), F.count_if("first").alias("first"), *values
    )
    decimals = 0
    if not hashed:
        counted, decimals = _by_the_rule_of_logs(counted.persist(), known, given.source)
    joined = counted.join(known, "key", "left").persist()
    # The first line of each file counts as an id if it is a known user, and as a header otherwise.
    heads = F.when(F.col("user_id").isNull(), F.col("first")).otherwise(0)
    ids = F.col("count") - heads
    row = joined.agg(
        F.coalesce(F.sum(ids), F.lit(0)).alias("read"),
        F.coalesce(F.sum(F.when(F.col("key").isNull(), ids)), F.lit(0)).alias("empty"),
        F.count_if(F.col("key").isNotNull() & (ids > 0)).alias("distinct"),
        F.count("user_id").alias("matched"),
        F.count_if(~F.col("key").rlike(SHA256) & (ids > 0)).alias("plain"),
        F.min(F.when(heads > 0, F.col("key"))).alias("header"),
    ).first()
    assert row is not None
    usual = {"userid", plain_name(given.column or "user_id")}
    if hashed and row["plain"]:
        raise DataError(
            f"list {given.source}: {row['plain']:,} ids are not SHA-256 digests of 64 hexadecimal digits; "
            f"it was taken for {given.form}"
        )
    report = ListReport(
        read=row["read"],
        empty=row["empty"],
        duplicates=row["read"] - row["empty"] - row["distinct"],
        matched=row["matched"],
        unmatched=row["distinct"] - row["matched"],
        decimals=decimals,
        header=None if row["header"] is None or plain_name(row["header"]) in usual else row["header"],
    )
    valued = [F.coalesce("value", F.lit(0.0)).alias("value")] if values else []
    return joined.where(F.col("user_id").isNotNull()).select("user_id", *valued), report


def _by_the_rule_of_logs(counted: DataFrame, known: DataFrame, source: str) -> tuple[DataFrame, int]:
    """(key, count, first) with markers of missing ids as none and decimals as whole numbers; how many decimals."""
    key = F.col("key")
    seen = as_seen(key)
    mended, lost = without_decimals(seen)
    odd = is_missing(key) | lost | (mended != key)
    if counted.where(odd).isEmpty():
        return counted, 0
    same = known.select("key", F.lit(True).alias("same"))
    marked = counted.join(same, "key", "left").withColumn("odd", F.coalesce(odd, F.lit(False)) & F.col("same").isNull())
    rounded = marked.where(F.col("odd") & lost).select("key").first()
    if rounded is not None:
        raise DataError(
            f"list {source}: the id {rounded['key']} has lost digits in a spreadsheet: keep ids as text there"
        )
    right = F.when(F.col("odd"), F.when(~is_missing(key), mended)).otherwise(key)
    decimal = F.col("odd") & ~is_missing(key) & (mended != seen)
    row = marked.agg(F.sum(F.when(decimal, F.col("count") - F.col("first")))).first()
    assert row is not None
    summed = [name for name in ("count", "first", "value") if name in counted.columns]
    chosen = marked.select(right.alias("key"), *summed).groupBy("key")
    return chosen.agg(*(F.sum(name).alias(name) for name in summed)), int(row[0] or 0)


def few_matched(report: ListReport) -> bool:
    """Whether so few ids are known users that something is likely wrong with the list."""
    return report.matched < FEW * (report.matched + report.unmatched)


def compared(given: UserList, users: DataFrame, *, hashed: bool) -> str:
    """What was read and what is known, side by side, for a list of which little or nothing matches."""
    read = given.head()
    known = [str(row["user_id"]) for row in users.select("user_id").limit(SHOWN).collect()]
    hint = ""
    if hashed:
        hint = "; the digests must be of the user ids exactly as they are known"
    elif read and all(len(text) in (32, 40, 64) and all(c in "0123456789abcdefABCDEF" for c in text) for text in read):
        hint = "; they look like digests: --hashed takes those of SHA-256"
    return f"it was taken for {given.form}; first ids as read: {_quoted(read)}; users as known: {_quoted(known)}{hint}"


def _quoted(texts: list[str]) -> str:
    return ", ".join(f"'{text[:80]}'" for text in texts) or "none"
