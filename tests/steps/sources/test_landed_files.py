"""Files that land in a folder: what is good becomes seeds, once; what is not goes to quarantine and stops nothing."""

import datetime as dt
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.seeds.live_seeds import SeedStream
from jobs.steps.sources.landed_files import SOURCE, Landing
from ralm.config import load_config
from ralm.errors import ConfigError, MissingInputError
from ralm.features.seeds import clicks, item_seeds
from ralm.runs.context import Context
from tests.finished import TINY

pytestmark = pytest.mark.spark
START = 1_709_251_200  # 2024-03-01


def rows(first: int, count: int, **other: object) -> list[dict[str, object]]:
    return [
        {"uid": f"u{n % 17}", "article": f"i{n % 3}", "ts": START + 60 * n, "dwell": n % 5, **other}
        for n in range(first, first + count)
    ]


class Folder:
    """A landing folder and the warehouse that it is taken into."""

    def __init__(self, spark: SparkSession, path: Path, form: str = "jsonl") -> None:
        self.path = path / "landing"
        self.path.mkdir()
        content = yaml.safe_load(TINY.read_text())
        del content["simulate"]
        content["fields"] = {"history": ["reading"]}
        columns = {"user_id": "uid", "feature_id": "article", "event_time": "ts"}
        shown = {"user_id": "uid", "item_id": "article", "shown_at": "ts", "clicked": "dwell > 1"}
        content["ingest"] = {
            "events": [{"path": "none", "format": form, "domain": "reading", "columns": columns}],
            "impressions": {"path": "none", "format": form, "columns": shown, "time_format": "epoch_s"},
        }
        file = path / "landing.yaml"
        file.write_text(yaml.safe_dump(content))
        self.file, self.lines = file, list[str]()
        self.settings = [f"warehouse={path / 'wh'}", "stream.max_files=2", "lookalike.seed_cap=10"]
        self.context = Context(spark, load_config(file, self.settings), say=self.lines.append)

    def land(self, name: str, content: list[dict[str, object]] | bytes) -> None:
        text = content if isinstance(content, bytes) else "\n".join(map(json.dumps, content)).encode()
        hidden = self.path / f".{name}"
        hidden.write_bytes(text)
        hidden.rename(self.path / name)

    def land_only(self) -> None:
        """Take what is new into `impressions`; no seeds are made of it."""
        Landing(self.context, str(self.path)).start(None).awaitTermination()

    def take(self) -> None:
        self.land_only()
        SeedStream(self.context).start(None).awaitTermination()

    def land_parquet(self, name: str, content: list[dict[str, object]], **types: pa.DataType) -> None:
        table = pa.Table.from_pylist(content)
        for column, kind in types.items():
            table = table.set_column(table.column_names.index(column), column, table[column].cast(kind))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.land(name, sink.getvalue().to_pybytes())

    def taken(self) -> int:
        return self.context.warehouse.read("impressions").count()

    def refused(self) -> list[tuple[str, str]]:
        found = self.context.warehouse.read("quarantine").where(F.col("source") == SOURCE)
        return sorted((row["reason"], row["row"]) for row in found.collect())

    def assert_seeds_are_the_batch_s(self) -> None:
        clicked = clicks(self.context.warehouse.read("impressions"), dt.date(2030, 1, 1)).withColumn("draw", F.lit(0))
        columns = ["item_id", "seeds", "seed_count"]
        expected = item_seeds(clicked, 10).select(columns).orderBy("item_id").collect()
        assert expected
        assert self.context.warehouse.read("live_seeds").select(columns).orderBy("item_id").collect() == expected


def break_at(monkeypatch: pytest.MonkeyPatch, folder: Folder, owner: type, name: str, *, after: bool) -> None:
    """Take what is new, broken before or after a method: what is on the disk then is what a kill there leaves."""
    method = getattr(owner, name)

    def broken(*given: object) -> None:
        if after:
            method(*given)
        raise RuntimeError("broken here")

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, broken)
        with pytest.raises(StreamingQueryException, match="broken here"):
            folder.take()


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Folder:
    return Folder(spark, tmp_path)


@pytest.mark.long
def test_files_become_seeds_once(folder: Folder) -> None:
    for number in range(3):
        folder.land(f"{number}.jsonl", rows(20 * number, 20))
    folder.take()
    assert folder.taken() == 60
    assert [line.split(" taken")[0] for line in folder.lines if line.startswith("files")] == [
        "files 0: 2",
        "files 1: 1",
    ]
    folder.assert_seeds_are_the_batch_s()
    folder.take()
    assert folder.taken() == 60
    folder.land("late.jsonl", rows(-500, 10))
    folder.take()
    assert folder.taken() == 70
    folder.assert_seeds_are_the_batch_s()
    assert folder.refused() == []


@pytest.mark.long
def test_bad_files_and_rows_go_to_quarantine_and_the_rest_goes_on(folder: Folder) -> None:
    folder.land("a-broken.jsonl", b"\x00\x01PAR1 nothing of it is JSON")
    folder.land("b-drifted.jsonl", [{"uid": "u1", "item": "i1", "ts": START, "dwell": 3}])
    folder.land("c-empty.jsonl", b"")
    ahead = int(dt.datetime.now(dt.UTC).timestamp()) + 86_400
    folder.land(
        "d-mixed.jsonl", [*rows(0, 20), *rows(20, 1, ts=ahead), *rows(21, 1, uid=None), *rows(22, 1, ts="noon")]
    )
    folder.land("d-words.jsonl", [*rows(100, 5), *rows(105, 1, dwell="long")])
    folder.land("e-more.jsonl", rows(30, 10, another="column"))
    folder.take()
    assert folder.taken() == 35
    reasons = [reason for reason, _ in folder.refused()]
    failing = "invalid clicked (`dwell > 1` fails)"
    assert {"future shown_at", "null user_id", "invalid shown_at", failing} <= set(reasons)
    files = {json.loads(row)["path"].rpartition("/")[2]: reason for reason, row in folder.refused() if '"path"' in row}
    assert "column 'article' not found" in files["b-drifted.jsonl"]
    assert set(files) == {"a-broken.jsonl", "b-drifted.jsonl"}  # an empty file holds nothing, bad or good
    assert len(reasons) == 6
    folder.assert_seeds_are_the_batch_s()
    folder.land("f-later.jsonl", rows(50, 5))
    folder.take()
    assert folder.taken() == 40
    assert len(folder.refused()) == 6


@pytest.mark.long
def test_parquet_files_may_be_broken_or_differ_within_a_batch(spark: SparkSession, tmp_path: Path) -> None:
    folder = Folder(spark, tmp_path, "parquet")
    folder.land_parquet("a.parquet", rows(0, 500))
    whole = (folder.path / "a.parquet").read_bytes()
    folder.land("b-noise.parquet", bytes(range(256)) * 40)
    folder.land("c-cut.parquet", whole[: len(whole) // 2])
    folder.land("d-damaged.parquet", whole[:40] + b"\xff" * 200 + whole[240:])  # its footer is fine
    folder.land_parquet("e-numbers.parquet", [{**row, "uid": n} for n, row in enumerate(rows(500, 20))])
    folder.land_parquet("f-double.parquet", rows(520, 5), ts=pa.float64(), dwell=pa.int8())
    folder.land_parquet("g-ids.parquet", [{**row, "uid": n + 0.5} for n, row in enumerate(rows(530, 5))])
    folder.land_parquet("h-nested.parquet", rows(540, 5, more={"a": [1], "b": b"\x00"}))
    folder.land_parquet("i-null.parquet", rows(550, 5, dwell=None))
    folder.land("j.csv", b"uid,article\nu1,i1\n")
    folder.take()
    files = {json.loads(row)["path"].rpartition("/")[2] for _, row in folder.refused() if '"path"' in row}
    assert files == {"b-noise.parquet", "c-cut.parquet", "d-damaged.parquet", "j.csv"}
    reasons = sorted(reason for reason, row in folder.refused() if '"path"' not in row)
    assert reasons == ["invalid user_id"] * 5 + ["null clicked"] * 5
    assert folder.taken() == 500 + 20 + 5 + 5
    folder.assert_seeds_are_the_batch_s()


def test_a_file_whose_times_are_of_a_wrong_unit_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    folder = Folder(spark, tmp_path)
    folder.context.given.ingest.impressions.__dict__["time_format"] = "epoch_ms"  # type: ignore[union-attr]
    folder.land("a.jsonl", rows(0, 10))
    folder.land_only()
    assert folder.taken() == 0
    ((reason, _),) = folder.refused()
    assert "looks like seconds, as epoch_ms it is 1970-01-20: set epoch_s" in reason


@pytest.mark.long
def test_names_and_times_of_files_do_not_matter(folder: Folder) -> None:
    for place, name in enumerate(("a b.jsonl", "c%20d.jsonl", "e[1].jsonl", "f{g,h}.jsonl", "i*.jsonl", "j?.jsonl")):
        folder.land(name, rows(10 * place, 10))
    folder.land("k:12.jsonl", rows(60, 10))  # Hadoop's local file system opens no such name
    folder.land_only()
    assert (folder.taken(), len(folder.refused())) == (60, 1)
    for place, year in enumerate((2100, 1990)):  # the clock of whoever writes them jumps
        folder.land(f"{year}.jsonl", rows(100 + 10 * place, 10))
        moment = dt.datetime(year, 1, 1).timestamp()
        os.utime(folder.path / f"{year}.jsonl", (moment, moment))
        folder.land_only()
    assert (folder.taken(), len(folder.refused())) == (80, 1)


@pytest.mark.long
def test_a_file_that_goes_away_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.land("a.jsonl", rows(0, 10))
    folder.land("b.jsonl", rows(10, 10))
    read = Landing._rows

    def late(self: Landing, path: str) -> DataFrame:
        if path.endswith("a.jsonl"):
            (folder.path / "a.jsonl").unlink()
        return read(self, path)

    monkeypatch.setattr(Landing, "_rows", late)
    folder.land_only()
    assert folder.taken() == 10
    assert [json.loads(row)["path"].rpartition("/")[2] for _, row in folder.refused()] == ["a.jsonl"]


def test_a_folder_that_is_not_there_is_named(folder: Folder) -> None:
    with pytest.raises(MissingInputError, match=r"--landing .*nowhere"):
        Landing(folder.context, str(folder.path / "nowhere")).start(None)


@pytest.mark.long
def test_a_batch_that_is_killed_after_its_write_is_not_written_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.land("a.jsonl", [*rows(0, 10), *rows(10, 1, uid=None)])
    break_at(monkeypatch, folder, Landing, "take", after=True)
    folder.take()
    assert folder.taken() == 10
    assert len(folder.refused()) == 1
    folder.assert_seeds_are_the_batch_s()


def test_a_simulated_world_has_no_layout_of_files(spark: SparkSession, tmp_path: Path) -> None:
    context = Context(spark, load_config(TINY, [f"warehouse={tmp_path}"]))
    with pytest.raises(ConfigError, match=r"--landing: .* no `ingest` section"):
        Landing(context, str(tmp_path))


@pytest.mark.long
def test_the_reason_of_a_damaged_parquet_file_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    folder = Folder(spark, tmp_path, "parquet")
    folder.land_parquet("good.parquet", rows(0, 30))
    whole = (folder.path / "good.parquet").read_bytes()
    folder.land("damaged.parquet", whole[100:])  # its directory, at the end, is whole
    folder.land_only()
    ((reason, row),) = folder.refused()
    assert "damaged.parquet" in row
    assert len(reason) < 500
    assert "\tat " not in reason
    assert " at org.apache" not in reason
    assert folder.taken() == 30
