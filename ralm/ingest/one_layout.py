"""Files that differ by a date or a number in their name and have the same columns are one source."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import replace

from ralm.ingest.looked import Looked


def together(found: Sequence[Looked]) -> list[Looked]:
    """The files, those of one layout as one, with a pattern of their names as its path."""
    groups: dict[tuple[object, ...], list[Looked]] = {}
    for looked in found:
        groups.setdefault(_layout(looked), []).append(looked)
    return [one for group in groups.values() for one in _joined(group)]


def _layout(looked: Looked) -> tuple[object, ...]:
    folder, name = os.path.split(os.path.abspath(looked.path))
    alike = re.sub(r"[\d\W_]+", "", name.partition(".")[0]), name.partition(".")[2]
    plain = not looked.lists and looked.explode is None and os.path.isfile(looked.path)
    key = (folder, *alike, looked.format, str(looked.options), tuple(looked.columns))
    return key if plain else (looked.path,)


def _joined(group: Sequence[Looked]) -> Sequence[Looked]:
    if len(group) == 1:
        return group
    pattern = _pattern([looked.path for looked in group])
    if pattern is None:
        return group
    columns = {name: [cell for looked in group for cell in looked.columns[name]] for name in group[0].columns}
    return [replace(group[0], path=pattern, columns=columns, why=f"{len(group)} files: {group[0].why}")]


def _pattern(paths: Sequence[str]) -> str | None:
    """A pattern that matches these files of one folder and no others; None: there is none."""
    folder = os.path.dirname(paths[0])
    names = [os.path.basename(path) for path in paths]
    first = re.sub(r"\d+$", "", _start(names))
    last = _start([name[len(first) :][::-1] for name in names])[::-1]
    star = os.path.join(glob.escape(folder), f"{glob.escape(first)}*{glob.escape(last)}")
    if {os.path.abspath(path) for path in glob.glob(star)} == {os.path.abspath(path) for path in paths}:
        return os.path.join(folder, f"{first}*{last}")
    if any(re.search(r"[{},\[\]*?\\]", name) for name in names):
        return None
    return os.path.join(folder, "{" + ",".join(names) + "}")


def _start(texts: Sequence[str]) -> str:
    """The letters with which all of the texts begin."""
    low, high = min(texts), max(texts)
    return next((low[:place] for place in range(len(low)) if not high.startswith(low[: place + 1])), low)
