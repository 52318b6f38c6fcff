"""A folder of files of which one is spoilt, or has another's content, or is missing."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.faults.fuzz.byte_damage import BYTES
from tests.faults.fuzz.text_damage import damaged


def spoil_a_file(whole: Path, copy: Path, drawn: random.Random) -> str:
    """Copy a folder and spoil a file of the copy; what was done."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    path = drawn.choice(files)
    way = drawn.randrange(10)
    if way == 0:
        path.unlink()
        return f"{path.name} has gone"
    if way == 1:
        other = drawn.choice(files)
        path.write_bytes(other.read_bytes())
        return f"{path.name} has the content of {other.name}"
    how, content = damaged(path.read_bytes(), drawn, BYTES)
    path.write_bytes(content)
    return f"{path.name}, {how}"
