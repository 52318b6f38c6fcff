"""A release's tables as records for serving; only changed records are written again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike.clustering import newest_clusters
from jobs.steps.systems.production import require_ralm
from ralm.config.names import SYSTEM
from ralm.errors import DataError
from ralm.runs.context import Context
from ralm.serving.export import model_record
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.store import Store
from ralm.training.checkpoints import dated_weights, load_weights
from ralm.warehouse.erase import last_erased
from ralm.warehouse.releases import Release, current_release
from udfs.serving import item_rows, user_rows, write_shard

USERS = "users"
# The tables that each kind of record is made from.
TABLES = {USERS: ("target_embeddings",), "items": ("seed_clusters", "thresholds"), "model": ()}


@dataclass(frozen=True)
class Source:
    """What records are made from: they change only if it changes.

    Attributes:
        as_of: of the release.
        model: version of the look-alike model.
        versions: table -> version.
    """

    as_of: str
    model: str
    versions: Mapping[str, int]

    @staticmethod
    def of(release: Release) -> Source:
        """The sources of a release's records."""
        tables = sorted({table for names in TABLES.values() for table in names})
        versions = {table: release.tables[table] for table in tables}
        return Source(str(release.as_of), release.models["lookalike"], versions)

    def part(self, kind: str) -> str:
        """The part of the source that records of one kind depend on."""
        versions = {table: self.versions[table] for table in TABLES[kind]}
        return json.dumps({"as_of": self.as_of, "model": self.model, "versions": versions}, sort_keys=True)

    @staticmethod
    def load(text: str) -> Source:
        """The source that `part` wrote down, as far as one kind depends on it."""
        return Source(**json.loads(text))


class Export:
    """An export of the current release to a store.

    Args:
        context: of the application.
        store: where to write; one export at a time.
        full: write everything anew, whatever the store holds.
        kinds: of records; without users, scores are those of given vectors (`Scorer.score_vector`).
    """

    def __init__(
        self, context: Context, store: Store, *, full: bool = False, kinds: Sequence[str] = tuple(TABLES)
    ) -> None:
        require_ralm(context, "export_serving")
        self.context = context
        self.store = store
        self.full = full
        self.kinds = kinds
        try:
            self.before = store.manifest()
        except DataError as error:  # all of it is written anew, and what is there must not be in the way
            if not full:
                raise
            self.before = None
            context.say(f"{error}: it is replaced")

    @cached_property
    def forgotten_since(self) -> bool:
        """Whether users were forgotten since the store was written: a layer of changes would leave their bytes."""
        if self.before is None or USERS not in self.before.sources:
            return False
        last = last_erased(self.context.warehouse, *TABLES[USERS])
        held = Source.load(self.before.sources[USERS]).versions
        return last is not None and any(version < last for version in held.values())

    def run(self, release: Release | None = None) -> Manifest:
        """Write the layers, make them the store's release, and drop layers that no reader needs any more.

        After users were forgotten everything is written anew, and nothing of before is left for readers: they look for
        the new release when a layer is gone.

        Args:
            release: default: the current one.

        Raises:
            MissingInputError: there is no release.
        """
        release = release or current_release(self.context.warehouse)
        name = release.release_id
        self.full = self.full or self.forgotten_since
        if self.before is not None and self.before.release == name and not self.full:
            self.context.say(f"release {name} is in {self.store.shown} already")
            return self.before
        source = Source.of(release)
        stem = f"{name}-{uuid.uuid4().hex[:8]}"
        layers = {kind: self._layers(kind, source, stem) for kind in self.kinds}
        before = () if self.before is None or self.forgotten_since else tuple(sorted(self.before.names))
        manifest = Manifest(name, layers, {kind: source.part(kind) for kind in self.kinds}, before)
        self.store.publish(manifest)
        for layer in self.store.layers() - manifest.names - set(before):
            self.store.drop(layer)
        self.context.say(f"release {name} is current in {self.store.shown}")
        return manifest

    def _layers(self, kind: str, source: Source, stem: str) -> tuple[Layer, ...]:
        old = None if self.before is None or self.full else self.before.sources.get(kind)
        below = () if old is None or self.before is None else tuple(self.before.layers[kind])
        if below and old == source.part(kind):
            self.context.say(f"{kind}: as in the store")
            return below
        if kind == "model":
            layer = Layer(f"{stem}-model", 1)
            weights = load_weights(self.context.models("lookalike", source.model))
            self.store.write("model", layer, 0, [("model", model_record(weights).encode())])
            return (layer,)
        records = self._records(kind, source)
        settings = self.context.config.serving
        if below and old is not None and Source.load(old).model == source.model and len(below) < settings.max_layers:
            changed = changed_records(records, self._records(kind, Source.load(old))).persist()
            try:
                layer = self._write(kind, changed, f"{stem}-{kind}", "changed")
            finally:
                changed.unpersist()
            return (layer, *below)
        return (self._write(kind, records, f"{stem}-{kind}", "all"),)

    def _records(self, kind: str, source: Source) -> DataFrame:
        """(key, record) of a kind."""

        def rows(table: str, **keys: Any) -> DataFrame:
            frame = self.context.warehouse.read(table, source.versions[table])
            for column, value in ({"as_of": source.as_of} | keys).items():
                frame = frame.where(F.col(column) == F.lit(value))
            return frame

        if kind == USERS:
            targets = rows("target_embeddings", model_version=source.model)
            return targets.select("user_id", "bias", "embedding").mapInArrow(*user_rows())
        clusters = newest_clusters(rows("seed_clusters", model_version=source.model))
        cutoffs = rows("thresholds", system=SYSTEM).select("item_id", "cutoff")
        joined = clusters.select("item_id", "centroids", "sizes").join(F.broadcast(cutoffs), "item_id", "left")
        return joined.mapInArrow(
            *item_rows(dated_weights(self.context.models("lookalike", source.model), source.as_of))
        )

    def _write(self, kind: str, records: DataFrame, name: str, what: str) -> Layer:
        count = records.count()
        layer = Layer(name, max(1, -(-count // self.context.config.serving.shard_records)))

        dealt = records.withColumn("shard", F.crc32(F.col("key").cast("binary")) % layer.shards)
        written = dealt.groupBy("shard").applyInArrow(*write_shard(self.store.url, kind, layer)).collect()
        size = sum(row["bytes"] for row in written) / 2**20
        self.context.say(f"{kind}: {count:,} records ({what}), {size:,.1f} MiB, {len(written)} shards")
        return layer


def changed_records(new: DataFrame, old: DataFrame) -> DataFrame:
    """(key, record) that are new or changed, and empty records for deleted keys."""
    hashed = [F.xxhash64("record").alias("hash")]
    before = old.select("key", *hashed).withColumnRenamed("hash", "before")
    joined = new.select("key", "record", *hashed).join(before, "key", "full")
    changed = joined.where(~F.col("hash").eqNullSafe(F.col("before")))
    return changed.select("key", F.coalesce("record", F.lit(b"")).alias("record"))
