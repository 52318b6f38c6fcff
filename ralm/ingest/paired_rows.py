"""Logs that have a row for an impression and another for its click."""

from __future__ import annotations

from collections.abc import Collection

from ralm.ingest.looked import Looked


def paired_rows(
    looked: Looked, columns: tuple[str, str, str], done: Collection[str], shown: Collection[str]
) -> tuple[int, int, int]:
    """(clicks beside a row of an impression of the same user and item, clicks, rows that were looked at).

    Args:
        looked: the file.
        columns: of the user, of the item and of what was done.
        done: the values of the last that say click.
        shown: those that say that something was shown.
    """
    cells = [looked.columns[name] for name in columns]
    if len(set(map(len, cells))) > 1:  # elements of lists have no rows of their own here
        return 0, 0, 0
    rows = list(zip(*cells, strict=True))
    seen = {(user, item) for user, item, deed in rows if deed in shown}
    clicks = [(user, item) for user, item, deed in rows if deed in done]
    return sum(pair in seen for pair in clicks), len(clicks), len(rows)
