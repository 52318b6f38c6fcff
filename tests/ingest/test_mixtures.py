"""Any mixture of separators, encodings, packing, line ends, quotes, orders of columns, titles, repeated headers."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import random
from collections.abc import Callable

import pytest

from tests.ingest.files import Files

pytestmark = pytest.mark.spark
SEPARATORS = (";", "\t")
NAMES = ("user_id", "item_id", "at", "note")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
PACKED: tuple[Callable[[bytes], bytes], ...] = (bytes, gzip.compress, bz2.compress, lzma.compress)
NOTES = ("", "plain", 'said "so"', "a,b;c|d\te", "two\nlines", "é")
FILES, ROWS = 8, 6


def file(draw: random.Random, separator: str, users: list[str]) -> bytes:
    """A file with the users, each with the item of its own name, written in a way that is drawn."""
    names = draw.sample(NAMES, len(NAMES))
    end = draw.choice(("\n", "\r\n"))
    text = io.StringIO(newline="")
    quoting = draw.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
    writer = csv.DictWriter(text, names, delimiter=separator, lineterminator=end, quoting=quoting)
    if draw.random() < 0.3:
        text.write(f"Report of March{end}{end}")
    writer.writeheader()
    for number, user in enumerate(users):
        if number == 3 and draw.random() < 0.3:
            writer.writeheader()
        notes = [note for note in NOTES if end == "\n" or "\n" not in note]
        writer.writerow(
            {"user_id": user, "item_id": f"i{user}", "at": "2024-01-01 10:00:00", "note": draw.choice(notes)}
        )
        if draw.random() < 0.2:
            text.write(draw.choice((end, separator * 3 + end)))
    found = text.getvalue()
    return draw.choice(PACKED)(found.encode(draw.choice(ENCODINGS)))


@pytest.mark.long
def test_mixtures(files: Files) -> None:
    draw = random.Random(21)
    expected = []
    for number, separator in enumerate(SEPARATORS):
        users = [f"ü{number}-{n}" for n in range(FILES * ROWS)]
        for place in range(FILES):
            ending = draw.choice(("csv", "txt", "csv.gz"))
            part = users[place * ROWS : (place + 1) * ROWS]
            files.write(f"{number}/{draw.choice('abc')}/{place}.{ending}", file(draw, separator, part))
        expected.append(sorted((user, f"i{user}") for user in users))
    found = files.read_all(
        *({"path": str(number), "options": {"sep": separator}} for number, separator in enumerate(SEPARATORS))
    )
    assert [result.pairs for result in found] == expected
    assert [result.bad for result in found] == [{}] * len(SEPARATORS)
