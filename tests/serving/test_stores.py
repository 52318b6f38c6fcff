"""What all stores keep to."""

import gc
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError, RalmError
from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.redis_store import RedisStore
from ralm.serving.store import Store, shard_of
from ralm.serving.stores import open_store

ROOT = Path(__file__).resolve().parents[2]


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


def test_several_readers_in_one_process(tmp_path: Path) -> None:
    """Case 60: LMDB refuses to open a file twice in a process."""
    layer = Layer("a", 1)
    writer = LmdbStore(str(tmp_path))
    writer.write("users", layer, 0, [("x", b"1")])
    stores = [LmdbStore(str(tmp_path)) for _ in range(8)]
    found: list[bytes | None] = []
    threads = [threading.Thread(target=lambda s=s: found.extend(s.read("users", layer, ["x"] * 50))) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"1"] * 400
    del stores[1:]
    gc.collect()
    assert LmdbStore(str(tmp_path)).read("users", layer, ["x"]) == [b"1"]
    writer.drop("a")
    assert stores[0].read("users", layer, ["x"]) == [b"1"]  # the others have it open still


def test_a_password_is_never_shown() -> None:
    """Case 61."""
    secret = "S3cretPw"
    for url in (
        f"redis://svc:{secret}@127.0.0.1:1/0",
        f"redis://:{secret}@127.0.0.1:1/0",
        f"rediss://127.0.0.1:1/0?password={secret}",
        f"redis://:a@{secret}@127.0.0.1:1/0",
        f"redis://:a/{secret}@127.0.0.1:1/0",
        f"s3://svc:{secret}@bucket/store",
    ):
        with pytest.raises(RalmError) as told:
            open_store(url).manifest()
        assert secret not in str(told.value), url
        assert "***" in str(told.value)
    assert open_store(f"redis://svc:{secret}@host:6379/0").shown == "redis://***@host:6379/0"


LEAN = """
import sys
for name in ("redis", "pyspark", "torch", "delta", "pydantic", "pandas", "pyarrow"):
    sys.modules[name] = None
from ralm.serving import Scorer, open_store
print(open_store("/nowhere").manifest())
try:
    open_store("redis://u:pw@host/0")
except Exception as error:
    print(error)
"""


def test_a_reader_needs_only_what_its_store_needs() -> None:
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "None"
    assert second.startswith("serving.store redis://***@host/0: install redis (pip install 'ralm[redis]')")
