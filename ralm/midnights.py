"""Which three midnights split a log: chosen from its days and from who has a history on them (docs/dates.md)."""

from __future__ import annotations

import datetime as dt
import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ralm.config.fields import SHARES

DAY = dt.timedelta(days=1)
# Each of the parts [A0, A1), [A1, A2) and [A2, A3) should hold at least this share of the labels.
LEAST_PART = 0.05
# At most this share of the labels of a part may be of users without a history at its beginning.
MOST_WITHOUT_HISTORY = 0.5
# Midnights that are compared at most: long logs are thinned, by shares of their labels.
CANDIDATES = 40

Midnights = tuple[dt.date, dt.date, dt.date]
# (place of the user's first event, place of the label) -> labels; places are those of `place`.
Cells = Mapping[tuple[int, int], int]


@dataclass(frozen=True)
class Chosen:
    """The midnights of a split.

    Attributes:
        midnights: A0, A1, A2; None if the log has no three midnights with labels between them.
        even: whether every part has `LEAST_PART` of the labels.
        without_history: share of labels whose users did nothing before the part, of the parts from A1 and from A2 the
            larger one; None: not measured.
    """

    midnights: Midnights | None
    even: bool = False
    without_history: float | None = None

    @property
    def learnable(self) -> bool:
        """Whether the split leaves enough labels in every part, and enough of them on users with a history."""
        return self.midnights is not None and self.even and (self.without_history or 0) <= MOST_WITHOUT_HISTORY


def candidates(labels: Mapping[dt.date, int], first_event: dt.date | None = None) -> list[dt.date]:
    """The midnights between two days of a log, in order: at most about `CANDIDATES`, evenly over its labels.

    Args:
        labels: rows of the impression log per UTC day.
        first_event: the day of the first event; if it lies before the log, the log's first midnight is one, too.
    """
    days = sorted(labels)
    if not days:
        return []
    found = [day + DAY for day in days[:-1]]
    if first_event is not None and first_event < days[0]:
        found = [days[0], *found]
    if len(found) <= CANDIDATES:
        return found
    before = _shares(labels, found)
    wanted = [*SHARES, *(number / CANDIDATES for number in range(CANDIDATES + 1))]
    return sorted({nearest(found, before, share) for share in wanted})


def nearest(midnights: Sequence[dt.date], before: Sequence[float], share: float) -> dt.date:
    """The midnight before which the share of the log is closest to `share`; the earlier one of two."""
    return min(zip(midnights, before, strict=True), key=lambda entry: abs(entry[1] - share))[0]


def place(midnights: Sequence[dt.date], day: dt.date | None) -> int:
    """How many midnights lie at or before a day; one more than there are for a day that never comes (None)."""
    return len(midnights) + 1 if day is None else bisect_right(midnights, day)


def choose(labels: Mapping[dt.date, int], midnights: Sequence[dt.date], cells: Cells | None = None) -> Chosen:
    """The three midnights whose shares of the log are nearest to 0.4, 0.6 and 0.8, among those that can be learnt from.

    All triples are compared. First come those whose parts from A0, A1 and A2 hold `LEAST_PART` of the labels each, with
    at most `MOST_WITHOUT_HISTORY` of the labels of the parts from A1 and from A2 on users without a history; among
    them the one with the least sum of distances wins, the earlier one of two. Without such a triple, it is the
    one with the fewest labels on users without a history; without large enough parts, the one nearest to the shares.

    Args:
        labels: rows of the impression log per UTC day.
        midnights: of `candidates`.
        cells: labels by the places of their users' first events and their own; None: histories are not looked at.
    """
    before = _shares(labels, midnights)
    unknown = _Unknown(midnights, cells) if cells else None
    best: tuple[tuple[float, ...], Chosen] | None = None
    for triple in itertools.combinations(range(len(midnights)), 3):
        cuts = [before[i] for i in triple]
        parts = [end - start for start, end in itertools.pairwise([*cuts, 1.0])]
        if min(parts) <= 0:
            continue
        distance = round(sum(abs(cut - share) for cut, share in zip(cuts, SHARES, strict=True)), 9)
        even = min(parts) >= LEAST_PART - 1e-9
        without = None if unknown is None else max(unknown.share(*triple[1:]), unknown.share(triple[2], None))
        known = (without or 0) <= MOST_WITHOUT_HISTORY
        # False sorts before True: even parts first, then enough histories, then the distance.
        rank = (not even, not known, 0.0 if known or not even else without or 0.0, distance)
        if best is None or rank < best[0]:
            a0, a1, a2 = (midnights[i] for i in triple)
            best = rank, Chosen((a0, a1, a2), even, without)
    return best[1] if best else Chosen(None)


class _Unknown:
    """Shares of labels whose users have no event before a midnight."""

    def __init__(self, midnights: Sequence[dt.date], cells: Cells) -> None:
        self.end = len(midnights)
        size = self.end + 2
        every = [[0] * size for _ in range(size)]
        for (first, own), count in cells.items():
            every[first][own] += count
        # Labels at a place up to the column's, of users whose first event is at the row's place or later.
        later = [0] * size
        self.late: list[list[int]] = []
        for row in reversed(every):
            later = [a + b for a, b in zip(later, row, strict=True)]
            self.late.append(list(itertools.accumulate(later)))
        self.late.reverse()

    def share(self, start: int, end: int | None) -> float:
        """Of the labels between two midnights, by their numbers (None: the end of the log)."""
        until = self.end if end is None else end
        # A day's place is above `start` exactly if it is not before that midnight.
        whole = self.late[0][until] - self.late[0][start]
        return (self.late[start + 1][until] - self.late[start + 1][start]) / whole if whole else 0.0


def _shares(labels: Mapping[dt.date, int], midnights: Sequence[dt.date]) -> list[float]:
    """The share of the labels before each midnight."""
    days = sorted(labels)
    total = sum(labels.values())
    upto = [0, *itertools.accumulate(labels[day] for day in days)]
    return [upto[bisect_right(days, midnight - DAY)] / total for midnight in midnights]
