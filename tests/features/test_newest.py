"""The newest rows of each group, and the UDFs around them, against plain Python."""

import datetime as dt
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralm.arrow.streams import unpacked
from ralm.config import HistoryField
from ralm.features.newest import newest_rows
from udfs import histories
from udfs.histories import newest_entries, pack_events

FIELDS = [HistoryField(domain="reading", length=3), HistoryField(domain="shopping", length=1)]
LENGTHS = [field.length for field in FIELDS]
SMALL, WIDE = st.integers(0, 5), st.integers(-(2**61), 2**61)
# (user, domain, time, feature); wide times do not fit into one key with the group.
events = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), SMALL | WIDE, st.sampled_from("abcé")), max_size=60)


def expected(rows, lengths):
    grouped = defaultdict(list)
    for user, domain, time, feature in rows:
        grouped[user, domain].append((time, feature))
    return {
        group: sorted(found, key=lambda e: (-e[0], e[1].encode()))[: lengths[group[1]]]
        for group, found in grouped.items()
    }


@settings(deadline=None)
@given(events)
def test_kept_rows_are_those_of_a_plain_sort(rows):
    users, domains, times = (np.array([row[place] for row in rows], np.int64) for place in range(3))
    kept = newest_rows(users * 2 + domains, times, pa.array([row[3] for row in rows], pa.string()), LENGTHS)
    found = defaultdict(list)
    for row in kept:
        found[rows[row][0], rows[row][1]].append(rows[row][2:])
    assert found == expected(rows, LENGTHS)
    groups = (users * 2 + domains)[kept]
    assert (np.diff(groups) >= 0).all()


@settings(deadline=None)
@given(events, st.integers(1, 20), st.integers(1, 4), st.booleans())
def test_packed_and_unpacked_they_are_histories(rows, packed, users_at_once, numbered):
    name = (lambda user: user) if numbered else (lambda user: f"u{user}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histories, "PACKED_ROWS", packed)
        patch.setattr(histories, "USERS", users_at_once)
        kind = "bigint" if numbered else "string"
        parts = list(pack_events(FIELDS, kind).run(batches(rows, name, numbered)))
        blobs = pa.Table.from_batches(parts) if parts else None
        got = {}
        for part in range(3):
            mine = [] if blobs is None else part_of(blobs, part, name)
            for batch in newest_entries(FIELDS, kind).run(mine):
                for row in batch.to_pylist():
                    assert row["user_id"] not in got
                    got[row["user_id"]] = row
    wanted = expected([(user, domain, time % 10**15, feature) for user, domain, time, feature in rows], LENGTHS)
    assert set(got) == {name(row[0]) for row in rows}
    for (user, domain), entries in wanted.items():
        shown = [(e["event_time"], e["feature_id"]) for e in got[name(user)][FIELDS[domain].domain]]
        assert shown == [(dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=t), f) for t, f in entries]
    for user, row in got.items():
        for domain, field in enumerate(FIELDS):
            if not any(name(u) == user and d == domain for u, d, _, _ in rows):
                assert row[field.domain] == []


def batches(rows, name, numbered):
    """Batches of five rows as Spark gives them; a part is the user modulo three."""
    for start in range(0, len(rows), 5):
        users, domains, times, features = zip(*rows[start : start + 5], strict=True)
        yield pa.record_batch(
            [
                pa.array([name(user) for user in users], pa.int64() if numbered else pa.string()),
                pa.array(domains, pa.int8()),
                pa.array(features, pa.string()),
                pa.array([time % 10**15 for time in times], pa.int64()),
                pa.array([user % 3 for user in users], pa.int32()),
            ],
            ["user_id", "domain", "feature_id", "event_time", "part"],
        )


def part_of(blobs, part, name):
    """The batches that a shuffle by user_id brings to a part: its key is one of the part's users."""
    mine = {name(user) for user in range(part, 5, 3)}
    table = blobs.filter(pa.array([user in mine for user in blobs.column("user_id").to_pylist()]))
    return table.to_batches()


def test_a_crowd_of_events_is_cut_before_the_shuffle():
    rows = [(0, 0, time, "f") for time in range(1000)] + [(1, 0, 1, "f")]
    parts = list(pack_events(FIELDS, "bigint").run(batches(rows, lambda user: user, numbered=True)))
    sent = [unpacked(blob).num_rows for batch in parts for blob in batch.column("events")]
    assert sorted(sent) == [1, LENGTHS[0]]
