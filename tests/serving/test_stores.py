"""What both stores keep to."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.stores import LmdbStore, RedisStore, Store, open_store, shard_of


def test_a_manifest_comes_back(store: Store) -> None:
    assert store.manifest() is None
    manifest = Manifest("r1", {"users": (Layer("a", 2), Layer("b", 8))}, {"users": "7"}, ("c",))
    store.publish(manifest)
    assert store.manifest() == manifest
    assert manifest.names == {"a", "b"}


def test_a_shard_written_again_is_replaced(store: Store) -> None:
    layer = Layer("a", 1)
    assert store.write("users", layer, 0, [("x", b"1"), ("y", b"2")]) == 2
    assert store.write("users", layer, 0, iter([("y", b"3")])) == 1
    assert store.read("users", layer, ["x", "y", "z", ""]) == [None, b"3", None, None]
    assert store.read("items", layer, ["y"]) == [None]
    assert store.layers() == {"a"}
    store.drop("a")
    assert store.layers() == set()
    assert store.read("users", layer, ["y"]) == [None]


def test_many_records(store: Store) -> None:
    records = {f"user ü {number}": bytes([number % 256]) * 9 for number in range(3_000)}
    assert store.write("users", Layer("a", 1), 0, records.items()) == 3_000
    keys = [*list(records)[::7], "else"]
    assert store.read("users", Layer("a", 1), keys) == [*(records[key] for key in keys[:-1]), None]


def test_long_ids(tmp_path: Path) -> None:
    store = LmdbStore(str(tmp_path))
    with pytest.raises(DataError, match="has 512 bytes"):
        store.write("users", Layer("a", 1), 0, [("x" * 512, b"")])
    assert list((tmp_path / "layers" / "a").iterdir()) == []
    assert store.read("users", Layer("a", 1), ["x" * 512]) == [None]


def test_urls(tmp_path: Path) -> None:
    assert isinstance(open_store("redis://localhost:6379/0"), RedisStore)
    found = open_store(f"file:{tmp_path}")
    assert isinstance(found, LmdbStore)
    assert found.url == str(tmp_path)
    with pytest.raises(ConfigError, match="expected redis://"):
        open_store("s3://bucket/store")


@pytest.mark.spark
def test_spark_deals_keys_out_as_readers_look_for_them(spark: SparkSession) -> None:
    keys = ["u1", "17", "ünï", "x" * 300]
    found = spark.createDataFrame([(key,) for key in keys], "key string").selectExpr("crc32(key) % 7").collect()
    assert [row[0] for row in found] == [shard_of(key, 7) for key in keys]
