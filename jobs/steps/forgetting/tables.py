"""What leaves a table with the users who were forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.spark.frames import union
from ralm.warehouse.erase import Erased, change_rows, erase_rows
from ralm.warehouse.forgotten import Forgotten
from ralm.warehouse.holders import LIST_ROWS, with_ids, with_lists
from ralm.warehouse.warehouse import Warehouse

CLUSTER = ("as_of", "purpose", "model_version", "round", "item_id", "draw")
NAMED = "it named a user who was forgotten"


@dataclass(frozen=True)
class Leaving:
    """Users on their way out of the tables.

    Attributes:
        warehouse: has the tables.
        users: all who were forgotten up to now.
        listed: (id) as text of those who were given now; None: nobody was.
    """

    warehouse: Warehouse
    users: Forgotten
    listed: DataFrame | None = None

    def erase(self, name: str) -> Erased | None:
        """Take them out of a table; None: they are not in it."""
        if not self.warehouse.exists(name):
            return None
        if name in TRACED:
            return TRACED[name](self, name)
        lists = with_lists()
        if name in lists:
            return self._out_of_lists(name, lists[name])
        if name in with_ids():
            keys = self.users.hashes.withColumnRenamed("user_hash", "key")
            return erase_rows(self.warehouse, name, self.users.key("old.user_id"), keys, self.users.version)
        raise KeyError(f"table '{name}' holds no users")

    @cached_property
    def vectors(self) -> DataFrame:
        """(key), each once: `xxhash64` of every embedding of theirs that `user_embeddings` still has."""
        if not self.warehouse.exists("user_embeddings"):
            return self.warehouse.spark.createDataFrame([], "key bigint")
        theirs = self.users.among(self.warehouse.read("user_embeddings"))
        return F.broadcast(theirs.select(F.xxhash64("embedding").alias("key")).distinct().persist())

    def named(self, texts: DataFrame, tokens: Column) -> DataFrame:
        """The rows with one of their ids among the tokens (an array of texts)."""
        found = self.users.among(texts.withColumn("token", F.explode(tokens)), "token")
        return found.drop("token").distinct()

    def _rows(self, name: str, key: str, keys: DataFrame) -> Erased | None:
        """Rows by keys of 8 bytes."""
        return erase_rows(self.warehouse, name, key, F.broadcast(keys), self.users.version)

    def _out_of_lists(self, name: str, column: str) -> Erased | None:
        same = LIST_ROWS[name]
        each = self.warehouse.read(name).select(*same, F.explode(f"{column}.user_id").alias("user_id"))
        gone = self.users.among(each).groupBy(*same).agg(F.collect_set("user_id").alias("gone"))
        kept = f"filter(old.{column}, one -> NOT array_contains(new.gone, one.user_id))"
        changed = {column: kept, "seed_count": f"size({kept})"}
        return change_rows(self.warehouse, name, gone, same, changed, f"size({kept}) = 0", self.users.version)

    def _samples_of_users(self, name: str) -> Erased | None:
        """By the 64-bit hash of the id: of those who are listed now, and of those whom the users' tables still know."""
        kind = self.warehouse.user_id
        ids = [] if self.listed is None else [self.listed.select(F.col("id").try_cast(kind).alias("user_id"))]
        held = [table for table in ("users", "user_fields") if self.warehouse.exists(table)]
        ids += [self.users.among(self.warehouse.read(table).select("user_id")) for table in held]
        if not ids:
            return None
        keys = union(ids).select(F.xxhash64("user_id").alias("key")).distinct()
        return self._rows(name, "old.user_key", keys)

    def _samples_of_pairs(self, name: str) -> Erased | None:
        """By the embedding. One that several users share stays: nobody can tell whose its rows are."""
        of_row = ("as_of", "model_version", "embedding")
        rows = self.warehouse.read(name).withColumn("key", F.xxhash64("embedding"))
        theirs = rows.join(self.vectors, "key", "left_semi").groupBy(F.xxhash64(*of_row).alias("key"))
        own = theirs.agg(F.count("*").alias("rows"), F.max("log_rows").alias("of_user"))
        keys = own.where(F.col("rows") <= F.round(F.exp("of_user"))).select("key")
        return self._rows(name, f"xxhash64({', '.join(f'old.{column}' for column in of_row)})", keys)

    def _lone_clusters(self, name: str) -> Erased | None:
        """A cluster of one seed is the seed: it becomes absent. Means of several seeds stay."""
        width = "size(centroids) div size(sizes)"
        each = self.warehouse.read(name).select(*CLUSTER, "centroids", "sizes", F.posexplode("sizes").alias("at", "n"))
        vector = F.expr(f"xxhash64(slice(centroids, CAST(at * ({width}) + 1 AS INT), CAST({width} AS INT)))")
        found = each.where("n = 1").withColumn("key", vector).join(self.vectors, "key", "left_semi")
        gone = found.groupBy(*CLUSTER).agg(F.collect_set("at").alias("gone"))
        own = "(size(old.centroids) div size(old.sizes))"
        centroids = f"transform(old.centroids, (x, i) -> IF(array_contains(new.gone, CAST(i div {own} AS INT)), 0F, x))"
        sizes = "transform(old.sizes, (n, i) -> IF(array_contains(new.gone, i), 0, n))"
        empty = f"NOT exists({sizes}, n -> n > 0)"
        changed = {"centroids": centroids, "sizes": sizes}
        return change_rows(self.warehouse, name, gone, CLUSTER, changed, empty, self.users.version)

    def _raw_rows(self, name: str) -> Erased | None:
        """Raw rows in which an id stands as a value."""
        values = F.coalesce(F.map_values(F.from_json("row", "map<string,string>")), F.array())
        words = F.split("row", r"[\s,;|\"{}\[\]:]+")
        rows = self.warehouse.read(name).select("source", "row").where("row IS NOT NULL")
        found = self.named(rows, F.array_union(F.transform(values, F.trim), words))
        keys = found.select(F.xxhash64("source", "row").alias("key")).distinct()
        return self._rows(name, "xxhash64(old.source, old.row)", keys)

    def _sentences(self, name: str) -> Erased | None:
        """Texts that name an id: in quotes, in brackets, or as a value of a raw row."""
        column, same = {"checks": ("detail", ("run_id", "name")), "runs": ("message", ("run_id",))}[name]
        rows = self.warehouse.read(name).select(*same, column).where(f"{column} IS NOT NULL")
        patterns = (r"'([^']*)'", r'"([^"]*)"', r"[(,]\s?([^(),]+)", r":\s?(-?\d+)")
        tokens = [F.regexp_extract_all(column, F.lit(pattern), F.lit(1)) for pattern in patterns]
        found = self.named(rows, F.flatten(F.array(*tokens)))
        changed = {column: f"'{NAMED}'"}
        return change_rows(self.warehouse, name, found, (*same, column), changed, "false", self.users.version)


TRACED: dict[str, Callable[[Leaving, str], Erased | None]] = {
    "user_samples": Leaving._samples_of_users,
    "lookalike_samples": Leaving._samples_of_pairs,
    "seed_clusters": Leaving._lone_clusters,
    "quarantine": Leaving._raw_rows,
    "checks": Leaving._sentences,
    "runs": Leaving._sentences,
}
