"""Mutated logs of known programs, given to `ingest --suggest`: a configuration that is valid, or one line."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ralm.config import load_config
from ralm.errors import ConfigError
from ralm.ingest.suggest import suggestion
from tests.faults.fuzz.byte_damage import BYTES
from tests.faults.fuzz.lists import BOMBS
from tests.faults.fuzz.text_damage import TEXT, damaged
from tests.faults.fuzz.trial import Case, Wrong
from tests.ingest import strangers

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".gz", ".csv.gz", ".txt", ".dat", "")


def parquet() -> dict[str, bytes]:
    """A log in Parquet, with a nested column and times."""
    rows = [
        {"user_id": f"u{user}", "item": {"id": f"i{item}", "tags": ["a"] * (item % 3)}, "at": second * 1_000_000}
        for user, item, second, _ in strangers.LOG
    ]
    table = pa.Table.from_pylist(rows)
    table = table.set_column(2, "at", table["at"].cast(pa.timestamp("us")))
    kept = io.BytesIO()
    pq.write_table(table, kept, row_group_size=40)
    return {"log.parquet": kept.getvalue()}


@cache
def logs() -> list[dict[str, bytes]]:
    """The files of programs, and some as Parquet."""
    makers = [
        *(strangers.recbole, strangers.shopify, strangers.analytics, strangers.matomo, strangers.lastfm),
        *(strangers.yelp, strangers.steam, strangers.netflix, strangers.instacart, strangers.spotify),
        *(strangers.goodbooks, strangers.spreadsheet, strangers.amplitude, parquet, parquet),
    ]
    return [make() for make in makers]


def _suggested(folder: Path, files: dict[str, bytes]) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        text = suggestion(strangers.put(Path(name), files))
        path = folder / "suggested.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            load_config(path)
        except ConfigError as error:
            raise Wrong(f"what is suggested is refused: {error}") from error
    return "suggested"


def _case(how: str, folder: Path, files: dict[str, bytes], content: bytes) -> Case:
    return Case(how, lambda: _suggested(folder, files), content)


def cases(drawn: random.Random) -> Iterator[Case]:
    """Logs without end."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        for files in logs():
            yield _case(f"{next(iter(files))}, as it is", folder, files, b"")
        for content in BOMBS:
            yield _case(f"bomb {content[:12]!r}", folder, {"log.csv": content}, content)
            yield _case(f"bomb {content[:12]!r}", folder, {"log.jsonl": content}, content)
        while True:
            files = dict(drawn.choice(logs()))
            spoilt = drawn.choice(list(files))
            how, content = damaged(files.pop(spoilt), drawn, drawn.choice([TEXT, BYTES]))
            named = spoilt if drawn.random() < 0.8 else spoilt.partition(".")[0] + drawn.choice(ENDINGS)
            yield _case(f"{spoilt} as {named}, {how}", folder, {**files, named: content}, content)
