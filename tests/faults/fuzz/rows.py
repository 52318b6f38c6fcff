"""A small log in every format that Spark reads, and ways to spoil it in which a plain reader still counts its rows."""

from __future__ import annotations

import gzip
import io
import json
import random
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.fuzz.byte_damage import BYTES
from tests.faults.fuzz.lists import WHOLE_LINES
from tests.faults.fuzz.text_damage import TEXT, Damage, damaged

# What may be wrong in a row while it stays a row.
CELLS = [
    "",
    "null",
    "x",
    "-1",
    "99999999999999999999",
    "NaN",
    "2024-13-45 10:00:00",
    "9999-12-31",
    "é",
    "💡",
    "0x1",
    " u1 ",
]


@dataclass(frozen=True)
class Form:
    """How a log is written.

    Attributes:
        ending: of the file's name.
        source: keys of the source in the configuration.
        header: the lines above the rows.
        lines: the rows, one per line; empty for formats without lines.
        content: all of it.
    """

    ending: str
    source: dict[str, object]
    header: bytes
    lines: list[bytes]
    content: bytes


def forms(names: tuple[str, str, str], values: list[tuple[object, ...]]) -> dict[str, Form]:
    """The log in every format; `values`: (user, item, time) per row."""
    head = ",".join(names).encode() + b"\n"
    comma = [",".join(map(str, row)).encode() + b"\n" for row in values]
    objects = [json.dumps(dict(zip(names, row, strict=True))).encode() + b"\n" for row in values]
    kept = io.BytesIO()
    columns = {name: [row[at] for row in values] for at, name in enumerate(names)}
    pq.write_table(pa.table(columns), kept, row_group_size=5)
    tabs = [line.replace(b",", b"\t") for line in comma]
    whole = head + b"".join(comma)
    several = b"[" + b",\n".join(line.strip() for line in objects) + b"]"
    return {
        "csv": Form("csv", {"format": "csv"}, head, comma, whole),
        "tsv": Form("tsv", {"format": "tsv"}, head.replace(b",", b"\t"), tabs, b""),
        "JSON lines": Form("jsonl", {"format": "jsonl"}, b"", objects, b"".join(objects)),
        "JSON array": Form("json", {"format": "jsonl", "options": {"multiLine": "true"}}, b"", [], several),
        "Parquet": Form("parquet", {"format": "parquet"}, b"", [], kept.getvalue()),
        "csv, gzip": Form("csv.gz", {"format": "csv"}, b"", [], gzip.compress(whole)),
        "csv, UTF-16": Form("csv", {"format": "csv"}, b"", [], whole.decode().encode("utf-16")),
    }


def spoil(form: Form, drawn: random.Random) -> tuple[str, bytes, int | None]:
    """How a file was spoilt, its content, and how many rows a plain reader counts; None: it cannot be told."""
    if form.lines and drawn.random() < 0.5:
        lines = list(form.lines)
        if drawn.random() < 0.5 and form.header:
            place, separator = drawn.randrange(len(lines)), b"\t" if b"\t" in form.header else b","
            cells = lines[place].rstrip(b"\n").split(separator)
            cells[drawn.randrange(len(cells))] = drawn.choice(CELLS).encode()
            lines[place] = separator.join(cells) + b"\n"
        few: dict[str, Damage] = {name: way for name, way in WHOLE_LINES.items() if name != "repeat_line"}
        how, body = damaged(b"".join(lines), drawn, few)
        return how, form.header + body, len(body.splitlines())
    how, content = damaged(form.content or form.header + b"".join(form.lines), drawn, drawn.choice([TEXT, BYTES]))
    return how, content, None
