"""Newest entries of users in Arrow UDFs: events packed for the shuffle, and histories made from what arrives.

A shuffle of rows serialises each event by itself; here all events for one part travel in one record batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import scalars
from ralm.arrow.streams import narrow, packed, unpacked
from ralm.config import HistoryField
from ralm.features.newest import newest_rows
from udfs.shapes import Batches, BatchUdf

# Events that a worker packs at once (some 50 bytes each), and users whose histories it returns at once.
PACKED_ROWS, USERS = 1_000_000, 20_000


def pack_events(fields: Sequence[HistoryField], user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over events (user_id, domain tinyint, feature_id, event_time in µs, part int).

    If a user has more events of a domain than the history holds, only the newest are packed.

    Args:
        fields: the behaviour domains; `domain` is their position.
        user_id_type: Spark SQL type of user_id.

    Returns:
        Rows (user_id, events binary): all packed events of a part as an Arrow stream, under one of its users.
    """
    lengths = [field.length for field in fields]

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for table in _chunks(batches):
            users = table.column("user_id").dictionary_encode()
            kept = table.take(pa.array(_without_surplus(table, _codes(users), lengths)))
            parts = scalars(kept, "part")
            order = np.argsort(parts, kind="stable")
            ends = np.flatnonzero(np.diff(parts[order], append=-1)) + 1
            sorted_ = kept.drop_columns(["part"]).take(pa.array(order)).combine_chunks()
            starts = np.concatenate([[0], ends[:-1]])
            first = sorted_.column("user_id").take(pa.array(starts)).combine_chunks()
            packs = [packed(sorted_.slice(start, end - start)) for start, end in zip(starts, ends, strict=True)]
            yield pa.record_batch([first, pa.array(packs, pa.binary())], ["user_id", "events"])

    return BatchUdf(run, f"user_id {user_id_type}, events binary")


def newest_entries(fields: Sequence[HistoryField], user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over the rows of `pack_events`, all events of a user in one partition, which one worker holds.

    Returns:
        Rows (user_id, one column per domain: array<struct<feature_id, event_time>>, newest first, ties by feature_id).
    """
    lengths = [field.length for field in fields]
    columns = ", ".join(f"`{f.domain}` array<struct<feature_id: string, event_time: timestamp>>" for f in fields)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        tables = [unpacked(blob) for batch in batches for blob in batch.column("events")]
        if not tables:
            return
        events = pa.concat_tables(tables)
        users = events.column("user_id").combine_chunks().dictionary_encode()
        features = events.column("feature_id").combine_chunks()
        times = scalars(events, "event_time")
        groups = _groups(events, _codes(users), len(lengths))
        kept = newest_rows(groups, times, features, lengths)
        yield from _histories(users.dictionary, groups[kept], features, times, kept, fields)

    return BatchUdf(run, f"user_id {user_id_type}, {columns}")


def _chunks(batches: Batches) -> Iterator[pa.Table]:
    """Tables of about `PACKED_ROWS` rows."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= PACKED_ROWS:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _codes(users: pa.DictionaryArray | pa.ChunkedArray) -> NDArray[np.int64]:
    array = users.combine_chunks() if isinstance(users, pa.ChunkedArray) else users
    return array.indices.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _groups(events: pa.Table, users: NDArray[np.int64], domains: int) -> NDArray[np.int64]:
    return users * domains + scalars(events, "domain")  # type: ignore[no-any-return]


def _without_surplus(events: pa.Table, users: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """Positions of the rows, without those that cannot be among the newest of their user and domain."""
    groups = _groups(events, users, len(lengths))
    surplus = np.bincount(groups)[groups] > np.asarray(lengths)[groups % len(lengths)]
    crowded = np.flatnonzero(surplus)
    if not len(crowded):
        return np.arange(len(groups))
    times = scalars(events, "event_time")[crowded]
    features = events.column("feature_id").combine_chunks().take(pa.array(crowded))
    newest = crowded[newest_rows(groups[crowded], times, features, lengths)]
    return np.concatenate([np.flatnonzero(~surplus), newest])


def _histories(
    ids: pa.Array,
    groups: NDArray[np.int64],
    features: pa.Array,
    times: NDArray[np.int64],
    kept: NDArray[np.int64],
    fields: Sequence[HistoryField],
) -> Iterator[pa.RecordBatch]:
    """Rows of histories from the kept events, which are in the order of their groups."""
    domains = len(fields)
    counts = np.bincount(groups, minlength=len(ids) * domains).reshape(-1, domains)  # (users, domains)
    bounds = np.concatenate([[0], np.cumsum(counts.ravel())])
    for first in range(0, len(ids), USERS):
        count = min(USERS, len(ids) - first)
        start, end = bounds[first * domains], bounds[(first + count) * domains]
        rows, domain = kept[start:end], groups[start:end] % domains
        columns = [ids.slice(first, count).cast(narrow(ids.type))]
        for place in range(domains):
            mine = rows[domain == place]
            offsets = np.zeros(count + 1, np.int32)
            np.cumsum(counts[first : first + count, place], out=offsets[1:])
            stamps = pa.array(times[mine]).cast(pa.timestamp("us", tz="UTC"))
            entries = pa.StructArray.from_arrays(
                [features.take(pa.array(mine)).cast(pa.string()), stamps], ["feature_id", "event_time"]
            )
            columns.append(pa.ListArray.from_arrays(pa.array(offsets), entries))
        yield pa.record_batch(columns, ["user_id", *(field.domain for field in fields)])
