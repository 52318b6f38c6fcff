"""petastorm on a pyarrow and a numpy that it was not written for: what it is given, and that nobody else sees it."""

import datetime
import importlib.metadata
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from ralm.training.loaders import loader_class
from ralm.training.parquet_shards import read_footers
from ralm.training.petastorm_adapter import VERSION, Files, make_batch_reader


def python(script: str) -> str:
    """What a fresh interpreter prints."""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    return ended.stdout


def reader_of(path: Path, columns: str):
    filesystem = pafs.LocalFileSystem()
    files = Files(filesystem, read_footers(filesystem, [str(path)]))
    return make_batch_reader(
        files.urls, schema_fields=[columns], reader_pool_type="dummy", num_epochs=None, filesystem=files
    )


def test_the_installed_petastorm_is_the_one_that_the_adapter_knows():
    found = importlib.metadata.version("petastorm")
    assert found == VERSION == "0.13.1", "read the new petastorm's use of pyarrow and numpy, then change the adapter"


@pytest.mark.parametrize(("version", "found"), [("lambda name: '0.13.2'", "found 0.13.2"), ("gone", "found none")])
def test_another_petastorm_is_refused_in_one_line(version, found):
    told = python(f"""
import importlib.metadata
from ralm.errors import ConfigError
def gone(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.version = {version}
try:
    import ralm.training.petastorm_adapter
except ConfigError as error:
    print(error)
""")
    assert told.count("\n") == 1
    assert "petastorm 0.13.1 is needed" in told
    assert found in told
    assert "loader: pyarrow" in told


def test_nobody_but_petastorm_sees_the_old_names():
    told = python("""
import importlib, sys
import numpy, pyarrow, pyarrow.parquet
before = {module: dict(vars(module)) for module in (pyarrow.parquet, pyarrow.parquet.core)}
import ralm.training.petastorm_loader
from petastorm import arrow_reader_worker, unischema
for module in ("pyarrow.filesystem", "pyarrow.hdfs"):
    assert module not in sys.modules, module
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{module} can be imported")
assert not {"filesystem", "hdfs", "localfs"} & set(dir(pyarrow))
for name in ("unicode_", "string_"):
    assert not hasattr(numpy, name), name
    assert hasattr(unischema.np, name) and hasattr(arrow_reader_worker.np, name), name
for module, names in before.items():
    changed = {name for name, value in vars(module).items() if names.get(name) is not value}
    assert not changed, changed
assert arrow_reader_worker.np.float32 is numpy.float32
print("as before")
""")
    assert told == "as before\n"


def test_string_columns_are_read(tmp_path):
    pq.write_table(pa.table({"name": ["a", "ü b", ""], "label": [1.0, 0.0, 1.0]}), tmp_path / "a.parquet")
    reader = reader_of(tmp_path / "a.parquet", "name|label")
    try:
        chunk = next(reader)
    finally:
        reader.stop()
        reader.join()
    assert chunk.name.dtype.kind == "U"
    assert chunk.name.tolist() == ["a", "ü b", ""]
    assert chunk.label.tolist() == [1.0, 0.0, 1.0]


def test_columns_of_other_types_beside_those_asked_for(tmp_path):
    day = datetime.date(2024, 1, 1)
    others = {
        "string": pa.array(["a", "b"]),
        "large_string": pa.array(["a", "b"], pa.large_string()),
        "binary": pa.array([b"a", b"b"]),
        "fixed": pa.array([b"ab", b"cd"], pa.binary(2)),
        "decimal": pa.array([Decimal("1.5"), None]),
        "day": pa.array([day, day]),
        "time": pa.array([0, 1], pa.timestamp("us", "UTC")),
        "words": pa.array([["a"], ["b", "c"]]),
        "nested": pa.array([[[1]], [[2]]]),
        "struct": pa.array([{"x": 1}, {"x": 2}]),
        "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int32())),
        "dictionary": pa.array(["a", "b"]).dictionary_encode(),
        "unsigned": pa.array([1, 2], pa.uint64()),
        "nothing": pa.array([None, None]),
        "two words": pa.array([1, 2]),
        "class": pa.array([1, 2]),
        "fields": pa.array([1, 2]),
    }
    asked = {"x": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32())), "flag": pa.array([True, False])}
    pq.write_table(pa.table(others | asked), tmp_path / "a.parquet")
    with loader_class("petastorm")(
        [str(tmp_path / "a.parquet")], {"x": 2, "flag": 1}, batch_size=2, rank=0, world=1, seed=1, epochs=1
    ) as loader:
        (batch,) = loader
    order = np.argsort(batch["x"][:, 0])
    np.testing.assert_array_equal(batch["x"][order], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(batch["flag"][order], [1, 0])


@pytest.mark.parametrize("name", ["a b%3A.parquet", "a?b.parquet", "a#b.parquet", "a;b=1&c.parquet", "ü+.parquet"])
def test_a_path_is_never_parsed(tmp_path, name):
    folder = tmp_path / "as_of=2024-01-01 00%3A00"
    folder.mkdir()
    pq.write_table(pa.table({"x": [1, 2, 3]}), folder / name)
    with loader_class("petastorm")(
        [f"file:{folder / name}"], {"x": 1}, batch_size=3, rank=0, world=1, seed=1, epochs=1
    ) as loader:
        (batch,) = loader
    assert sorted(batch["x"].tolist()) == [1, 2, 3]


def test_no_file_stays_open(tmp_path):
    for number in range(8):
        pq.write_table(pa.table({"x": np.arange(40)}), tmp_path / f"{number}.parquet", row_group_size=10)

    def held() -> list[str]:
        links = (Path("/proc/self/fd") / found for found in os.listdir("/proc/self/fd"))
        return [str(link.readlink()) for link in links if link.is_symlink() and tmp_path in link.readlink().parents]

    files = [str(path) for path in tmp_path.glob("*.parquet")]
    seen = 0
    with loader_class("petastorm")(files, {"x": 1}, batch_size=10, rank=0, world=1, seed=1, epochs=2) as loader:
        for batch in loader:
            seen += len(batch["x"])
            assert held() == []
    assert seen == 640
