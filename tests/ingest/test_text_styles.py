"""Separators, quotes and blanks as files have them, by Spark's reader (UTF-8) and by our own (UTF-16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ralm.errors import DataError
from ralm.ingest.suggest import suggestion
from tests.ingest.files import HEADER, ROWS, Files

AT = "2024-01-01 10:00:00"
KNOWN = [("u1", "i1"), ("u2", "i2")]
# Name -> text, options, (user, item) of the rows that are read.
STYLES: dict[str, tuple[str, dict[str, str], list[tuple[str, str]]]] = {
    "delimiter": ((HEADER + ROWS).replace(",", ";"), {"delimiter": ";"}, KNOWN),
    "tab": ((HEADER + ROWS).replace(",", "\t"), {"sep": r"\t"}, KNOWN),
    "unicode": ((HEADER + ROWS).replace(",", "\x01"), {"sep": r"\u0001"}, KNOWN),
    "byte": ((HEADER + ROWS).replace(",", "\x01"), {"sep": r"\x01"}, KNOWN),
    "backslash": ((HEADER + ROWS).replace(",", "\\"), {"sep": r"\\"}, KNOWN),
    "quote": (
        f"{HEADER}u1,'a, b',{AT}\nu2,it''s,{AT}\nu3,'it''s',{AT}\nu4,'a'b,{AT}\n",
        {"quote": "'"},
        [("u1", "a, b"), ("u2", "it''s"), ("u3", "it's")],
    ),
    "escape": (
        rf"""{HEADER}u1,"a\"b, c",{AT}
u2,"x\\",{AT}
u3,"a\tb",{AT}
u4,"a""b",{AT}
u5,"a"b,{AT}
""",
        {"escape": "\\"},
        [("u1", 'a"b, c'), ("u2", "x\\"), ("u3", r"a\tb")],
    ),
    "blanks": (f'user_id, item_id, at\nu1, "a, b", {AT}\nu2, i2, {AT}\n', {}, [("u1", "a, b"), ("u2", "i2")]),
}


@pytest.mark.long
@pytest.mark.spark
def test_both_readers_read_alike(files: Files) -> None:
    sources: list[dict[str, Any]] = []
    for name, (text, options, _) in STYLES.items():
        for encoding in ("utf-8", "utf-16"):
            files.write(f"{name}.{encoding}.csv", text.encode(encoding))
            sources.append({"path": f"{name}.{encoding}.csv", "options": options})
    found = files.read_all(*sources)
    for name, part in zip([name for name in STYLES for _ in range(2)], found, strict=True):
        assert part.pairs == STYLES[name][2], name


def test_suggested_with_blanks_before_quotes(tmp_path: Path) -> None:
    rows = "".join(f'u{n % 9}, "i{n % 7}, x", "2024-01-{n % 28 + 1:02} 10:00:00"\n' for n in range(60))
    (tmp_path / "ev.csv").write_text("user_id, item_id, date\n" + rows)
    text = suggestion([str(tmp_path / "ev.csv")])
    assert "ignoreLeadingWhiteSpace: " in text
    assert "item_id: item_id" in text or "feature_id: item_id" in text


@pytest.mark.spark
def test_a_second_value_behind_the_head_of_a_file(files: Files) -> None:
    one = '{"user_id": "u1", "item_id": "i1", "at": "2024-01-01 10:00:00", "of": [{"a": 1}, {"a": 2}]}'
    files.write("ev.jsonl", f"{one}\n" * 900 + f"{one},\n{{broken\n")
    source = {"path": "ev.jsonl", "format": "jsonl"}
    assert files.pairs(source) == [("u1", "i1")]
    files.write("ev.jsonl", f"{one}\n" * 900 + one + '{"user_id": "u2"}\n')
    files.refuses(DataError, source, "ev.jsonl: the line '{", "holds several JSON values", "jq -c .")


@pytest.mark.spark
def test_a_second_value_of_a_file_behind_its_head(files: Files) -> None:
    row = '{"user_id": "u1", "item_id": "i1",\n"at": "2024-01-01 10:00:00", "of": "a } \\" ] b"}'
    source = {"path": "ev.json", "format": "jsonl", "options": {"multiLine": "true"}}
    files.write("ev.json", f"[{', '.join([row] * 900)}]\n,\n")
    assert files.pairs(source) == [("u1", "i1")]
    files.write("ev.json", f"[{', '.join([row] * 900)}]\n\n[{row}]\n")
    files.refuses(DataError, source, "ev.json", "comes after the first value of its file", "leave multiLine out")
