"""Mutated lists of users in every form: their ids, or one line; no Spark, since lists are taken apart without it."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Iterator
from functools import cache

from ralm.ingest.list_content import read_cells
from ralm.ingest.user_list import _ids, _values
from tests.faults.fuzz.byte_damage import BYTES
from tests.faults.fuzz.text_damage import TEXT, Damage, damaged, drop_line, repeat_line, swap_lines
from tests.faults.fuzz.trial import Case, Wrong

IDS = [f"u{number:05}" for number in range(60)]
# What keeps every line whole, so that a plain reader can count them.
WHOLE_LINES: dict[str, Damage] = {way.__name__: way for way in (drop_line, repeat_line, swap_lines)}


def _table(separator: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([("user_id", "value", "name"), *((one, at / 7, f'"{at}"; a, b') for at, one in enumerate(IDS))])
    return text.getvalue().encode()


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.csv", content)
    return packed.getvalue()


def _workbook() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("user_id", "value"), *((one, at) for at, one in enumerate(IDS))]:
        book.active.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


@cache
def forms() -> dict[str, bytes]:
    """The same list in every form that is read."""
    plain = "".join(f"{one}\n" for one in IDS).encode()
    lines = "".join(json.dumps({"user_id": one, "value": at}) + "\n" for at, one in enumerate(IDS)).encode()
    comma = _table(",")
    packers: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress, _zip]
    return {
        "text": plain,
        "comma": comma,
        "semicolon": b"sep=;\r\n" + _table(";"),
        "tab": _table("\t"),
        "bar": _table("|"),
        "JSON lines": lines,
        "JSON array": json.dumps(IDS).encode(),
        "JSON objects": json.dumps([json.loads(line) for line in lines.splitlines()], indent=1).encode(),
        "UTF-16": comma.decode().encode("utf-16"),
        "UTF-16 without a mark": plain.decode().encode("utf-16-be"),
        "Latin-1": "user_id,name\nu1,Zoë\nu2,Ana\n".encode("latin-1"),
        "workbook": _workbook(),
        **{f"packed {number}": pack(comma) for number, pack in enumerate(packers)},
    }


BOMBS = [
    b"[" * 100_000, b'{"a":' * 50_000, b"[[" + b"]" * 9, b'[{"user_id": ' + b"[" * 50_000,
    b'"' * 100_001, b"," * 100_000,
    b'{"user_id": ' + b"9" * 10_000 + b"}", b"[1e999999]", b'{"user_id": 1e400}', b"[NaN]", b'["\\ud800"]',
    b"x" * 500_000, b"a,b\n" + b'"' + b"x" * 300_000, b"sep=\x00\na\x00b\n", b"sep=\"\na\n",
    b"sep=\r\na\r\n", b"sep=\n\na\n",
    b"PK\x03\x04", b"PK\x05\x06" + b"\x00" * 18, b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", 
    b"PAR1", b"Obj\x01",
]  # fmt: skip


def _read(content: bytes, column: str | None, value: str | None, expected: int | None) -> str:
    cells = read_cells(content, "mine")
    ids = _ids(cells, "mine", column)
    if value is not None and len(_values(cells, "mine", value)) != len(ids):
        raise Wrong("not as many values as ids")
    for one in ids:
        one.encode()  # Spark takes it
    if expected is not None and len(ids) != expected:
        raise Wrong(f"{len(ids)} ids, a plain reader counts {expected}")
    return "read"


def _case(how: str, content: bytes, column: str | None, value: str | None, expected: int | None = None) -> Case:
    return Case(how, lambda: _read(content, column, value, expected), content, "mine")


def cases(drawn: random.Random) -> Iterator[Case]:
    """Lists without end."""
    for form, content in forms().items():
        named = None if form == "text" or form.startswith(("JSON array", "UTF-16 w")) else "user_id"
        yield _case(f"{form}, as it is", content, named, None)
    for content in BOMBS:
        yield _case(f"bomb {content[:12]!r}", content, None, None)
    while True:
        form = drawn.choice(list(forms()))
        content = forms()[form]
        column = drawn.choice([None, "user_id", "User ID", "1", "2", "0", "99", "²", "nothing", ""])
        value = drawn.choice([None, None, None, "value", "2", "user_id"])
        if form == "text" and drawn.random() < 0.5:
            how, content = damaged(content, drawn, WHOLE_LINES)
            yield _case(f"{form}, {how}", content, None, None, len(content.split()))
            continue
        how, content = damaged(content, drawn, drawn.choice([TEXT, BYTES]))
        yield _case(f"{form}, {how}, column {column}, value {value}", content, column, value)
