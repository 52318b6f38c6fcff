"""One clean log written in many ways gives the same rows; each corruption of it is counted or refused.

What tables are made of rows depends on the rows alone: test_tables looks at the tables, of four formats.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ralm.errors import RalmError
from tests.ingest.files import read
from tests.ingest.ways import LOG, NAMES, SHOWN, WAYS, Way, Write, config, read_ways, text

pytestmark = [pytest.mark.spark, pytest.mark.long]


@pytest.fixture(scope="module")
def ways(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[Way]:
    return read_ways(spark, config(tmp_path_factory.mktemp("ways"), list(WAYS.values())))


@pytest.mark.parametrize("number", range(len(WAYS)), ids=WAYS)
def test_the_same_rows(ways: list[Way], number: int) -> None:
    assert ways[number].rows == SHOWN
    assert ways[number].bad == 0


def lines() -> list[str]:
    return text(LOG).splitlines(keepends=True)


def replaced(place: int, line: str) -> bytes:
    return "".join([*lines()[:place], line, *lines()[place + 1 :]]).encode()


COUNTED: dict[str, bytes] = {
    "a cell more": replaced(5, lines()[5].rstrip("\n") + ",more\n"),
    "a cell fewer": replaced(5, "01,003ü,1704189600,1\n"),
    "cut off in a row": "".join(lines()[:-1]).encode() + b"02,003\xc3\xbc,17041",
    "cut off in a letter": "".join(lines()[:-1]).encode() + b"02,003\xc3",
    "a quote left open": replaced(5, '01,"003ü,1704189600,1,x\n'),
    "a quote too many": replaced(5, '01,"00"3ü",1704189600,1,x\n'),
    "a byte of another encoding": replaced(5, "@").replace(b"@", b"01,00\xfc,1704189600,1,x\n"),
    "a user of another encoding": replaced(5, "@").replace(b"@", b"M\xfcller,001,1704189600,1,x\n"),
    "no user": replaced(5, ",003ü,1704189600,1,x\n"),
    "no item": replaced(5, "01, ,1704189600,1,x\n"),
    "no time": replaced(5, "01,003ü,,1,x\n"),
    "a word for a time": replaced(5, "01,003ü,soon,1,x\n"),
    "a word for a click": replaced(5, "01,003ü,1704189600,perhaps,x\n"),
    "a time to come": replaced(5, "01,003ü,1804189600,1,x\n"),
    "milliseconds among seconds": replaced(5, "01,003ü,1704189600000,1,x\n"),
    "an id over two lines": replaced(5, '01,"003\nü",1704189600,1,x\n'),
    "cells moved to the right": replaced(5, "x,01,003ü,1704189600,1\n"),
}
MISSING = "columns 'uid', 'item', 'time', 'click' not found"
REFUSED: dict[str, tuple[bytes, str]] = {
    "no header": ("".join(lines()[1:]).encode(), MISSING),
    "another header": (b"user,thing,when,clicked,note\n" + "".join(lines()[1:]).encode(), MISSING),
    "an archive": (b"PK\x03\x04" + "".join(lines()).encode(), "a zip archive"),
    "another order": (text(LOG[:9]).encode() + text(LOG[9:], NAMES[::-1]).encode(), "a second header line"),
    "zero bytes": ("".join(lines()[:5]).encode() + bytes(512), "is no text"),
    "half of a gzip": (gzip.compress("".join(lines() * 9).encode())[:-40], "its gzip is cut off or damaged"),
}


LATE = ("another order", "zero bytes", "half of a gzip")


def written(content: bytes) -> Write:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "log").write_bytes(content)
        return {}

    return write


@pytest.fixture(scope="module")
def corrupted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[Way]:
    return read_ways(spark, config(tmp_path_factory.mktemp("corrupted"), list(map(written, COUNTED.values())), 0.5))


@pytest.mark.parametrize("number", range(len(COUNTED)), ids=COUNTED)
def test_corruptions_are_counted(corrupted: list[Way], number: int) -> None:
    assert corrupted[number].bad >= 1
    assert set(corrupted[number].rows) < set(SHOWN)
    assert len(corrupted[number].rows) >= len(LOG) - 2


def test_corruptions_are_refused_together(spark: SparkSession, tmp_path: Path) -> None:
    """What is seen before rows are counted, of all sources in one line."""
    early = {name: one for name, one in REFUSED.items() if name not in LATE}
    with pytest.raises(RalmError) as raised:
        read(spark, config(tmp_path, [written(content) for content, _ in early.values()]))
    assert "\n" not in str(raised.value)
    for number, (_, said) in enumerate(early.values()):
        assert re.search(rf"ingest\.impressions\[{number}\][^;]*{re.escape(said)}", str(raised.value)), said


@pytest.mark.parametrize("what", LATE)
def test_corruptions_are_refused(spark: SparkSession, tmp_path: Path, what: str) -> None:
    """What is seen when rows are read."""
    content, said = REFUSED[what]
    with pytest.raises(RalmError, match=said) as raised:
        read(spark, config(tmp_path, [written(content)], 0.5)).impressions.collect()
    assert "/log" in str(raised.value)
    assert "\n" not in str(raised.value)
