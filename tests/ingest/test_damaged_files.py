"""Lists and logs that disks and copies have damaged, as far as they are read without Spark: one line each."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ralm.config import load_config
from ralm.errors import DataError, RalmError
from ralm.ingest.json_text import parsed
from ralm.ingest.list_content import read_cells
from ralm.ingest.suggest import suggestion


def test_json_that_is_nested_too_deeply_is_no_json() -> None:
    assert parsed('{"a": [1.50]}', parse_float=str) == {"a": ["1.50"]}
    with pytest.raises(ValueError, match="nested too deeply"):
        parsed("[" * 100_000)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "begins as JSON and is none"),
        (b'[{"user_id": ' + b"[" * 50_000, "begins as JSON and is none"),
        (b'["\\ud800"]', "half a character"),
        (b'[{"user_id": "u1", "\\udfff": 1}]', "half a character"),
    ],
)
def test_lists_that_are_no_json(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_cells(content, "mine")


def test_a_zip_archive_that_lacks_some_bytes() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("list.csv", "".join(f"u{n}\n" for n in range(200)))
    whole = packed.getvalue()
    assert len(read_cells(whole, "mine").rows) == 200
    for place in range(30, len(whole) - 1, 7):
        with pytest.raises(DataError, match="zip archive"):
            read_cells(whole[:place] + whole[place + 1 :], "mine")


def test_a_suggestion_from_damaged_parquet(tmp_path: Path) -> None:
    path, draw = tmp_path / "log.parquet", np.random.default_rng(1)
    users = [f"u{n % 9}" for n in range(300)]
    pq.write_table(pa.table({"user_id": users, "item_id": users, "at": range(300)}), path)
    whole, refused = path.read_bytes(), 0
    for _ in range(60):
        spoilt = bytearray(whole)
        spoilt[draw.integers(len(spoilt))] ^= 1 << draw.integers(8)
        path.write_bytes(spoilt[: draw.integers(len(spoilt))] if draw.random() < 0.5 else spoilt)
        try:
            suggestion([str(path)])
        except RalmError:
            refused += 1
    assert refused > 30


def test_a_suggestion_from_text_without_cells(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError):
        suggestion([str(path)])
    path.write_text(",".join(f"c{n}" for n in range(3_000)) + "\n" + ",".join(map(str, range(3_000))) + "\n")
    with pytest.raises(DataError, match="3,000 columns, at most 2,000"):
        suggestion([str(path)])


def test_a_suggestion_from_text_with_signs_that_yaml_refuses(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9},i{n % 5},2024-01-01 10:00:0{n % 9},\x07\x7f\u2028\n" for n in range(40))
    path, written = tmp_path / "log.csv", tmp_path / "log.yaml"
    path.write_text(f"user_id,item_id,time_\x00\u2028,da\x07te\n{rows}", encoding="utf-8")
    written.write_text(suggestion([str(path)]), encoding="utf-8")
    assert load_config(written).ingest is not None
