"""The midnights that split a log, on logs of all shapes, against plain sums over their rows."""

import datetime as dt
import random
from collections import Counter

import pytest

from ralm.midnights import LEAST_PART, MOST_WITHOUT_HISTORY, Chosen, candidates, choose, place

DAY, START = dt.timedelta(days=1), dt.date(2024, 1, 1)
# (user, day): one label each; users act when they click, unless a test says otherwise.
Rows = list[tuple[int, dt.date]]


def chosen(labels: Rows, events: Rows | None = None) -> Chosen:
    """As ingest does it, in plain Python."""
    first: dict[int, dt.date] = {}
    for user, day in labels if events is None else events:
        first[user] = min(day, first.get(user, day))
    per_day = Counter(day for _, day in labels)
    midnights = candidates(per_day, min(first.values(), default=None))
    cells = Counter((place(midnights, first.get(user)), place(midnights, day)) for user, day in labels)
    return choose(per_day, midnights, cells)


def steady(days: int, users: int = 20, first: dt.date = START) -> Rows:
    """All users come on all days."""
    return [(user, first + n * DAY) for n in range(days) for user in range(users)]


def visitors(days: int, per_day: int = 20) -> Rows:
    """Everybody comes on one day and leaves five labels."""
    return [(n * per_day + user, START + n * DAY) for n in range(days) for user in range(per_day) for _ in range(5)]


def without_history(labels: Rows, since: dt.date, until: dt.date) -> float:
    first: dict[int, dt.date] = {}
    for user, day in labels:
        first[user] = min(day, first.get(user, day))
    inside = [user for user, day in labels if since <= day < until]
    return sum(first[user] >= since for user in inside) / len(inside)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_log_of_too_few_days_has_no_midnights(days: int) -> None:
    assert chosen(steady(days)) == Chosen(None)
    assert not chosen(steady(days)).learnable


@pytest.mark.parametrize(
    ("days", "cuts"),
    [(4, (1, 2, 3)), (5, (2, 3, 4)), (10, (4, 6, 8)), (30, (12, 18, 24)), (365, (146, 219, 292))],
)
def test_an_even_log_is_cut_at_its_shares(days: int, cuts: tuple[int, int, int]) -> None:
    found = chosen(steady(days, users=3))
    assert found == Chosen(tuple(START + n * DAY for n in cuts), True, 0.0)
    assert found.learnable


def test_events_long_before_the_log_make_its_first_midnight_one_more() -> None:
    found = chosen(steady(3), steady(1, first=START - 90 * DAY))
    assert found == Chosen((START, START + DAY, START + 2 * DAY), True, 0.0)


def test_events_and_labels_may_be_of_different_users() -> None:
    events = [(user + 1_000, day) for user, day in steady(10)]
    assert chosen(steady(10), events).without_history == 1.0
    assert chosen(steady(10), []).without_history == 1.0


@pytest.mark.parametrize("days", [5, 30, 200])
def test_users_who_come_once_cannot_be_split_by_days(days: int) -> None:
    found = chosen(visitors(days))
    assert found.midnights is not None
    assert found.without_history == 1.0
    assert not found.learnable


def test_a_burst_leaves_no_even_parts() -> None:
    rows = [(user, START + 4 * DAY) for user in range(2_000)] + steady(10, users=5)
    found = chosen(rows)
    assert found.midnights is not None
    assert not found.even
    assert not found.learnable


def test_a_burst_beside_a_steady_log_moves_the_cuts() -> None:
    rows = steady(10, users=30) + [(user % 30, START + 2 * DAY) for user in range(300)]
    found = chosen(rows)  # days 1 and 2 hold 10 %, the third 55 %, each of the others 5 %
    assert found.midnights == (START + 2 * DAY, START + 3 * DAY, START + 6 * DAY)
    assert found.learnable


def test_dates_move_to_where_users_have_a_history() -> None:
    """From day 6 on, all users are others: A1 lies a day after they came, not after 60 % of the labels."""
    rows = steady(6, users=10) + [(100 + user, day) for user, day in steady(4, users=10, first=START + 6 * DAY)]
    assert without_history(rows, START + 6 * DAY, START + 8 * DAY) > MOST_WITHOUT_HISTORY
    assert chosen(rows) == Chosen((START + 4 * DAY, START + 7 * DAY, START + 8 * DAY), True, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_midnights_are_better(seed: int) -> None:
    draw = random.Random(seed)
    rows = [(draw.randrange(40), START + int(12 * draw.random() ** 2) * DAY) for _ in range(400)]
    found = chosen(rows)
    assert found.midnights is not None
    end, days = START + 12 * DAY, sorted({day for _, day in rows})

    def part(since: dt.date, until: dt.date) -> float:
        return sum(since <= day < until for _, day in rows) / len(rows)

    ranks = {}
    for a0 in (day + DAY for day in days):
        for a1 in (day + DAY for day in days):
            for a2 in (day + DAY for day in days):
                if not a0 < a1 < a2 < days[-1] + DAY or 0 in (part(a0, a1), part(a1, a2), part(a2, end)):
                    continue
                known = max(without_history(rows, a1, a2), without_history(rows, a2, end)) <= MOST_WITHOUT_HISTORY
                even = min(part(a0, a1), part(a1, a2), part(a2, end)) >= LEAST_PART
                distance = sum(
                    abs(part(START, cut) - share) for cut, share in zip((a0, a1, a2), (0.4, 0.6, 0.8), strict=True)
                )
                if even and known:
                    ranks[a0, a1, a2] = distance
    assert found.learnable == bool(ranks)
    if ranks:
        assert ranks[found.midnights] == pytest.approx(min(ranks.values()))


def test_a_long_log_is_thinned() -> None:
    midnights = candidates({START + n * DAY: 1 for n in range(3_650)})
    assert 30 <= len(midnights) <= 50
    assert START + 1_460 * DAY in midnights  # 0.4 of it
