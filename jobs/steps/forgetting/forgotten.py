"""The table `forgotten`: the users of a list, by a salted hash."""

from __future__ import annotations

import secrets

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.errors import DataError
from ralm.ingest.ids import without_decimals
from ralm.ingest.letters import as_seen
from ralm.ingest.list_match import match_users
from ralm.ingest.user_list import read_user_list
from ralm.runs.context import Context
from ralm.warehouse.forgotten import forgotten
from ralm.warehouse.once import insert_new


def listed_ids(context: Context, path: str, column: str | None, hashed: bool) -> DataFrame:
    """(id) as text of all users of a list, known or not: an unknown one may come in later.

    Args:
        context: says how the list was read.
        path: a list in any of the usual forms.
        column: of the ids.
        hashed: the list holds SHA-256 digests, of which only known users can be told.

    Raises:
        DataError: the list holds no id.
    """
    warehouse = context.warehouse
    given = read_user_list(context.spark, path, column)
    everyone = context.spark.createDataFrame([], f"user_id {warehouse.user_id}")
    if warehouse.exists("users"):
        everyone = warehouse.read("users").select("user_id").distinct()
    matched, found = match_users(given, everyone, hashed=hashed)
    context.say(f"users {path}: {found.said(context.config.privacy.minimum)}")
    known = matched.select(F.col("user_id").cast("string").alias("id"))
    if hashed:
        return known.distinct()
    if not found.read and found.header is None:
        raise DataError(f"list {path}: it holds no ids; it was taken for {given.form}")
    text = given.ids.where("id IS NOT NULL").select("id")
    return known.union(text).union(text.select(without_decimals(as_seen(F.col("id")))[0])).distinct()


def remember(context: Context, ids: DataFrame) -> int:
    """Add users to those who were forgotten; a second time it changes nothing.

    Args:
        context: of the warehouse.
        ids: (id) as text.

    Returns:
        How many are new.
    """
    warehouse = context.warehouse
    warehouse.create("forgotten")
    before = forgotten(warehouse)
    salt = secrets.token_hex(16) if before is None else before.salt
    wanted = ids if before is None else before.without(ids, "id")
    hashed = wanted.select(F.sha2(F.concat(F.lit(salt), "id"), 256).alias("user_hash")).distinct()
    rows = warehouse.conform("forgotten", hashed.withColumns({"salt": F.lit(salt), "forgotten_at": F.now()})).persist()
    try:
        if count := rows.count():
            insert_new(warehouse, "forgotten", rows, "user_hash")
    finally:
        rows.unpersist()
    return count
