"""Mutated files of every format that ingest reads: every row is read or quarantined, or one line refuses the file."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ralm.config import Config
from tests.faults.fuzz.rows import Form, forms, spoil
from tests.faults.fuzz.session import session
from tests.faults.fuzz.trial import Case, Wrong
from tests.ingest.files import Files, parts_of

NAMES = ("user_id", "item_id", "at")
LOG: list[tuple[object, ...]] = [(f"u{at % 5}", f"i{at % 7}", f"2024-01-02 10:{at:02}:00") for at in range(20)]


def _read(config: Config, expected: int | None) -> str:
    part = parts_of(session(), config)["events[0]"]
    found = len(part.good) + sum(part.bad.values())
    if expected is not None and found != expected:
        raise Wrong(f"{len(part.good)} rows and {part.bad} in quarantine, a plain reader counts {expected}")
    for row in part.good:
        if not row["user_id"] or not row["feature_id"] or row["event_time"] is None:
            raise Wrong(f"a good row is {row}")
    return "read" if not part.bad else "read, some rows in quarantine"


def _case(files: Files, number: int, how: str, form: Form, content: bytes, expected: int | None) -> Case:
    name = f"log{number}.{form.ending}"
    path = files.write(name, content)
    source: dict[str, Any] = {"path": name, **form.source}

    def read() -> str:
        try:
            return _read(files.config(source), expected)
        finally:
            path.unlink()

    return Case(how, read, content)


def cases(drawn: random.Random) -> Iterator[Case]:
    """Files without end."""
    known = forms(NAMES, LOG)
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        files = Files(session(), Path(folder))
        for number, (name, form) in enumerate(known.items()):
            content = form.content or form.header + b"".join(form.lines)
            yield _case(files, number, f"{name}, as it is", form, content, len(LOG))
        number = len(known)
        while True:
            name = drawn.choice(list(known))
            how, content, expected = spoil(known[name], drawn)
            yield _case(files, number, f"{name}, {how}", known[name], content, expected)
            number += 1
            if number % 50 == 0:
                session().catalog.clearCache()
