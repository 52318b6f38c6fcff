"""The dry run looks all over a large source, and says how much of it it saw."""

from __future__ import annotations

import gzip
import re

import pytest

from ralm.ingest.preview import preview
from ralm.ingest.sampling import ROWS
from tests.ingest.files import HEADER, Files
from tests.ingest.files import ROWS as TWO

pytestmark = pytest.mark.spark
COUNT = 40_000
GOOD = "u{0},i{1},2024-01-01 10:00:00\n"


def rows(first: int, count: int, row: str = GOOD) -> str:
    return "".join(row.format(n % 977, n % 50) for n in range(first, first + count))


def looked_at(lines: list[str]) -> str:
    return next(line for line in lines if "go to quarantine" in line)


@pytest.mark.long
def test_what_goes_wrong_late_is_found(files: Files) -> None:
    """The last fifth of the rows has times that cannot be read."""
    late = COUNT // 5
    files.write("ev.csv", HEADER + rows(0, COUNT - late) + rows(0, late, "u{0},i{1},01.02.2024\n"))
    config = files.config({"path": "ev.csv"}, max_bad_share=0.1)
    found = preview(files.spark, config, whole=100_000)
    text = "\n".join(found.lines)
    said = re.search(
        r"up to ([\d,]+) rows of about ([\d,]+) \(1 MB\) were looked at, the first of many pieces in 1 of 1", text
    )
    assert said is not None, text
    looked, about = (int(number.replace(",", "")) for number in said.groups())
    assert looked <= ROWS < COUNT
    assert "the first of many pieces in 1 of 1 files" in text
    assert abs(about - COUNT) < 0.2 * COUNT
    share = re.search(r"([\d.]+)% would go to quarantine", looked_at(found.lines))
    assert share is not None
    assert 10 < float(share.group(1)) < 30
    assert "'01.02.2024' looks like dd.MM.yyyy: set ingest.events[0].time_format: dd.MM.yyyy" in text
    assert "of the sample is bad, more than max_bad_share 10.0%: ingest would stop" in str(found.error)


def test_of_many_files_some_are_looked_at_all_over(files: Files) -> None:
    """What is packed cannot be cut: its number of rows is not known, and the first ones of each file are read."""
    for number in range(4):
        part = rows(0, 3_000) if number < 3 else rows(0, 3_000, "u{0},i{1},\n")
        files.write(f"ev/{number}.csv.gz", gzip.compress((HEADER + part).encode()))
    files.write("ev/4.csv", HEADER + TWO)
    found = preview(files.spark, files.config({"path": "ev"}), whole=1_000)
    text = "\n".join(found.lines)
    assert "null event_time: 3,000, for example" in text
    assert "of an unknown number" in looked_at(found.lines)
    assert "in 5 of 5 files" in looked_at(found.lines)
