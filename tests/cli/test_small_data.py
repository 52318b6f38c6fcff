"""Tests of the guess whether data are small."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.cli import small_data
from jobs.cli.small_data import is_small
from ralm.config import Config, load_config

HEAD = """
name: mine
data_root: {root}
warehouse: {root}/wh
ingest:
  events:
    - {event}
  impressions: {shown}
  users: {{path: users.csv, format: csv, columns: {{user_id: user}}}}
"""


def config(folder: Path, place: str) -> Config:
    event = f"{{{place}, domain: film, columns: {{user_id: user, feature_id: film, event_time: at}}}}"
    shown = f"{{{place}, domain: film, columns: {{user_id: user, item_id: film, shown_at: at}}}}"
    (folder / "mine.yaml").write_text(HEAD.format(root=folder, event=event, shown=shown), encoding="utf-8")
    return load_config(folder / "mine.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(small_data, "TEXT_BYTES", 1000)
    (tmp_path / "users.csv").write_text("user\n" + "u\n" * 50)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.csv").write_text("x" * 400)
    return tmp_path


def test_files_are_summed_up_over_folders_and_patterns(folder: Path) -> None:
    assert is_small(config(folder, "path: log, format: csv"))
    assert is_small(config(folder, "path: 'log/*.csv', format: csv"))
    (folder / "log" / "b.csv").write_text("x" * 600)
    assert not is_small(config(folder, "path: log, format: csv"))
    assert not is_small(config(folder, "path: 'log/*.csv', format: csv"))
    assert is_small(config(folder, "path: log/a.csv, format: csv"))


def test_parquet_files_say_how_many_rows_they_have(folder: Path) -> None:
    for rows in (10, 20):  # read twice, as events and as impressions
        pq.write_table(pa.table({"user": ["u"] * rows}), folder / "log" / "a.parquet")
        read = config(folder, "path: log/a.parquet, format: parquet")
        assert is_small(read) == (rows == 10)
    (folder / "log" / "a.parquet").write_bytes(b"x" * 100)
    assert is_small(config(folder, "path: log/a.parquet, format: parquet"))


def test_what_is_compressed_counts_more(folder: Path) -> None:
    (folder / "log" / "a.csv").rename(folder / "log" / "a.csv.gz")
    assert not is_small(config(folder, "path: log, format: csv"))


@pytest.mark.parametrize("place", ["path: 's3a://bucket/log', format: csv", "table: lake.shop.clicks"])
def test_what_cannot_be_seen_from_here_is_not_small(folder: Path, place: str) -> None:
    assert not is_small(config(folder, place))


def test_a_built_in_world_is_as_large_as_it_says() -> None:
    tiny = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"  # 60 impressions and 8 purchases per user
    assert is_small(load_config(tiny))
    assert is_small(load_config(tiny, [f"simulate.users={small_data.ROWS // 68}"]))
    assert not is_small(load_config(tiny, [f"simulate.users={small_data.ROWS // 68 + 1}"]))
    assert not is_small(load_config(tiny, ["simulate.impressions_per_user=492.1"]))
