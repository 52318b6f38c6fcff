"""One contract for both loaders, on files with names as Delta writes them."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.storage.filesystem import plain_path
from ralm.training.loaders import loader_class
from ralm.training.parquet_shards import assign, read_footers

SIZES = [130, 7, 301, 64, 64, 90, 1, 200]  # rows per file
WIDTHS = {"row": 1, "history_news": 4, "numeric": 1, "label": 1}


def write(path: Path, first: int, rows: int, *, group: int = 50) -> str:
    """A file whose rows carry a unique number, and arrays that follow from it."""
    row = np.arange(first, first + rows)
    history = np.stack([row * 10 + j for j in range(4)], axis=1).astype(np.int32)
    table = pa.table(
        {
            "row": pa.array(row, pa.int64()),
            "history_news": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * 4, history.ravel()),
            "numeric": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), (row / 7).astype(np.float32)),
            "label": pa.array((row % 2).astype(np.float32)),
            "user": pa.array([f"u{i}" for i in row]),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group)
    return f"file:{path}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    # A partition folder, a space and a literal %3A: names that must not be unquoted.
    folder = tmp_path_factory.mktemp("data") / "as_of=2024-01-01 00%3A00"
    firsts = np.cumsum([0, *SIZES])
    return [
        write(folder / f"part-{i:05d}.c000.snappy.parquet", int(firsts[i]), size) for i, size in enumerate(SIZES)
    ] + [write(folder / "part-99999.parquet", 0, 0)]


def batches(kind, files, *, rank=0, world=1, seed=3, epochs=1, batch_size=32, columns=WIDTHS, **rest):
    with loader_class(kind)(
        files, columns, batch_size=batch_size, rank=rank, world=world, seed=seed, epochs=epochs, **rest
    ) as loader:
        return loader, list(loader)


def rows_of(found):
    return np.concatenate([batch["row"] for batch in found])


@pytest.mark.parametrize("kind", ["petastorm", "pyarrow"])
class TestLoader:
    @pytest.mark.parametrize("world", [1, 2, 3])
    def test_every_row_once_an_epoch_in_equal_steps(self, kind, files, world):
        seen, steps = [], set()
        for rank in range(world):
            loader, found = batches(kind, files, rank=rank, world=world, epochs=2)
            assert len(found) == 2 * loader.steps_per_epoch == len(loader)
            assert loader.rows_per_epoch == sum(SIZES)
            sizes = [len(batch["row"]) for batch in found]
            assert min(sizes) >= 1
            assert max(sizes) <= 32
            assert max(sizes) - min(sizes) <= 1
            steps.add(loader.steps_per_epoch)
            seen.append([rows_of(part) for part in (found[: loader.steps_per_epoch], found[loader.steps_per_epoch :])])
        assert len(steps) == 1
        for epoch in range(2):
            together = np.concatenate([rank_rows[epoch] for rank_rows in seen])
            np.testing.assert_array_equal(np.sort(together), np.arange(sum(SIZES)))

    def test_shapes_types_and_rows_stay_together(self, kind, files):
        _, found = batches(kind, files)
        for batch in found:
            row = batch["row"]
            assert {name: values.dtype for name, values in batch.items()} == {
                "row": np.int64,
                "history_news": np.int64,
                "numeric": np.float32,
                "label": np.float32,
            }
            assert batch["numeric"].shape == (len(row), 1)
            assert batch["label"].shape == (len(row),)
            np.testing.assert_array_equal(batch["history_news"], row[:, None] * 10 + np.arange(4))
            np.testing.assert_array_equal(batch["numeric"][:, 0], (row / 7).astype(np.float32))
            np.testing.assert_array_equal(batch["label"], row % 2)

    def test_order_follows_from_seed_and_epoch(self, kind, files):
        loader, found = batches(kind, files, epochs=2)
        _, again = batches(kind, list(reversed(files)), epochs=2)
        _, other = batches(kind, files, seed=4)
        _, later = batches(kind, files, first_epoch=1)
        first, second = rows_of(found[: loader.steps_per_epoch]), rows_of(found[loader.steps_per_epoch :])
        np.testing.assert_array_equal(rows_of(found), rows_of(again))
        np.testing.assert_array_equal(second, rows_of(later))
        assert not np.array_equal(first, second)
        assert not np.array_equal(first, rows_of(other))
        assert not np.array_equal(first, np.sort(first))

    def test_rows_of_a_batch_come_from_many_files(self, kind, files):
        _, found = batches(kind, files)
        file_of = np.repeat(np.arange(len(SIZES)), SIZES)
        assert np.mean([len(np.unique(file_of[batch["row"]])) for batch in found]) > 3

    def test_endless_loader_goes_on(self, kind, files):
        with loader_class(kind)(files, {"row": 1}, batch_size=100, rank=0, world=1, seed=0, epochs=None) as loader:
            found = list(itertools.islice(loader, 3 * loader.steps_per_epoch))
            with pytest.raises(TypeError):
                len(loader)
        assert np.bincount(rows_of(found)).tolist() == [3] * sum(SIZES)

    def test_missing_columns_are_all_named(self, kind, files):
        with pytest.raises(DataError, match=r"'history_shop', 'age'"):
            batches(kind, files, columns={"row": 1, "history_shop": 4, "age": 1})

    def test_column_of_a_wrong_type(self, kind, files):
        with pytest.raises(DataError, match="'user' is string"):
            batches(kind, files, columns={"user": 1})
        with pytest.raises(DataError, match="'row' is a scalar"):
            batches(kind, files, columns={"row": 3})

    def test_array_of_another_width(self, kind, files):
        with pytest.raises(DataError, match="arrays of 5 expected"):
            batches(kind, files, columns={"history_news": 5})

    @pytest.mark.parametrize(
        ("values", "kind_of"),
        [([[1, 2], [3]], pa.list_(pa.int32())), ([[1, 2], None], pa.list_(pa.int32())), ([[1, None], [3, 4]], None)],
    )
    def test_ragged_or_null_arrays(self, kind, tmp_path, values, kind_of):
        pq.write_table(pa.table({"x": pa.array(values, kind_of)}), tmp_path / "a.parquet")
        with pytest.raises(DataError):
            batches(kind, [str(tmp_path / "a.parquet")], columns={"x": 2})

    def test_null_scalar(self, kind, tmp_path):
        pq.write_table(pa.table({"x": pa.array([1, None, 3])}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match="NULL"):
            batches(kind, [str(tmp_path / "a.parquet")], columns={"x": 1})

    def test_fewer_files_than_ranks(self, kind, files):
        with pytest.raises(DataError, match="2 training files with rows for 3 ranks"):
            batches(kind, files[:2], rank=0, world=3)

    def test_a_tiny_rank_still_steps_with_the_others(self, kind, tmp_path):
        uneven = [write(tmp_path / "a.parquet", 0, 100), write(tmp_path / "b.parquet", 100, 3)]
        found = [batches(kind, uneven, rank=rank, world=2, batch_size=10)[1] for rank in range(2)]
        assert [len(part) for part in found] == [3, 3]
        np.testing.assert_array_equal(np.sort(np.concatenate([rows_of(part) for part in found])), np.arange(103))

    def test_missing_file_and_no_file(self, kind, files, tmp_path):
        with pytest.raises(MissingInputError, match="vacuumed"):
            batches(kind, [*files, str(tmp_path / "gone.parquet")])
        with pytest.raises(DataError, match="none"):
            batches(kind, [])

    def test_closing_in_the_middle(self, kind, files):
        loader = loader_class(kind)(files, {"row": 1}, batch_size=8, rank=0, world=1, seed=1, epochs=5)
        next(iter(loader))
        loader.close()
        loader.close()


def test_bad_settings(files):
    for settings in ({"rank": 2, "world": 2}, {"batch_size": 0}, {"epochs": 0}, {"columns": {}}):
        with pytest.raises(ConfigError):
            batches("pyarrow", files, **settings)
    with pytest.raises(ConfigError, match="petastorm or pyarrow"):
        batches("csv", files)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_assignment_is_balanced(files, world):
    import pyarrow.fs as pafs

    found = read_footers(pafs.LocalFileSystem(), [plain_path(file)[1] for file in files])
    shards = assign(found, world, seed=1)
    assert sorted(file.path for shard in shards for file in shard) == sorted(file.path for file in found)
    loads = [sum(file.rows for file in shard) for shard in shards]
    best = max(-(-sum(SIZES) // world), max(SIZES))
    assert max(loads) <= best * 4 / 3


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/a/b=1%3A0/c.parquet", ("file", "/a/b=1%3A0/c.parquet")),
        ("file:/a/b c.parquet", ("file", "/a/b c.parquet")),
        ("file:///a/b.parquet", ("file", "/a/b.parquet")),
        ("s3a://bucket/x.parquet", ("s3", "//bucket/x.parquet")),
        ("hdfs://node:8020/x.parquet", ("hdfs", "//node:8020/x.parquet")),
    ],
)
def test_names_as_spark_lists_them(file, expected):
    assert plain_path(file) == expected


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["petastorm", "pyarrow"])
def test_files_of_a_pinned_delta_snapshot(spark, tmp_path, kind):
    path = str(tmp_path / "warehouse with space" / "samples")
    frame = spark.range(400, numPartitions=4).selectExpr(
        "id AS row", "array(cast(id AS int), 0, 1) AS history_news", "concat('2024 0:', id % 2) AS part"
    )
    frame.write.format("delta").partitionBy("part").save(path)
    pinned = spark.read.format("delta").load(path).where("part = '2024 0:1'").inputFiles()
    frame.write.format("delta").mode("overwrite").save(path)  # tombstones that a folder listing would still see
    _, found = batches(kind, pinned, columns={"row": 1, "history_news": 3}, batch_size=64)
    assert sorted(rows_of(found).tolist()) == list(range(1, 400, 2))
