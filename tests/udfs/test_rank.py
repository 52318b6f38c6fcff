"""Pairs packed, shuffled by group and ranked by the UDFs, without Spark: against a full sort."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralm.scoring.ranges import Ranges
from udfs import packs
from udfs.packs import WaitingPairs, pack_left_out
from udfs.rank import Places, count_packs, rank_packs

ITEMS, USERS = 4, 200


class World:
    """Scores in steps of a quarter; ranges of 15 rows, so that ties are parted; a tenth of the pairs is left out."""

    def __init__(self, seed: int, strings: bool) -> None:
        random = np.random.default_rng(seed)
        ids = random.permutation(USERS)
        self.users = pa.array([f"ü{i}" for i in ids] if strings else (ids - 100) * 10**16)
        self.scores = np.round(random.normal(size=(USERS, ITEMS)) * 4) / 4
        self.out = random.uniform(size=self.scores.shape) < 0.1
        order = random.permutation(ITEMS)
        cuts, buckets = np.full(ITEMS, -np.inf), np.zeros(ITEMS, np.int64)
        self.ranges = Ranges.of(self.scores, cuts, USERS, buckets, order, 15, self.some_ids)

    def some_ids(self) -> np.ndarray:
        return np.array(self.users[:50].to_pylist())

    def packs(self) -> Iterator[pa.RecordBatch]:
        waiting = WaitingPairs(self.ranges)
        for start in range(0, USERS, 30):
            part = slice(start, start + 30)
            rows, items = np.nonzero(np.isfinite(self.scores[part]))
            users = self.users[part].take(pa.array(rows))
            yield from waiting.add(users, items.astype(np.int32), self.scores[part][rows, items])
        yield from waiting.packs()

    def left_out(self) -> Iterator[pa.RecordBatch]:
        rows, items = np.nonzero(self.out)
        batch = pa.record_batch(
            [pa.array(items.astype(np.int32)), self.users.take(pa.array(rows))], ["item", "user_id"]
        )
        return pack_left_out(self.ranges).run([batch.slice(0, 11), batch.slice(11)])

    def groups(self) -> Iterator[list[pa.RecordBatch]]:
        """The packs of each group, as a shuffle brings them together."""
        table = pa.Table.from_batches([*self.left_out(), *self.packs()])
        for group in range(self.ranges.groups):
            yield table.filter(pa.compute.field("group") == group).to_batches()

    def expected(self, most: int) -> list[tuple[str, object, float, int]]:
        users, rows = self.users.to_pylist(), list[tuple[str, object, float, int]]()
        for item in dict.fromkeys(self.ranges.item.tolist()):
            candidates = sorted(
                (-self.scores[u, item], users[u].encode() if isinstance(users[u], str) else users[u], users[u])
                for u in range(USERS)
                if not self.out[u, item]
            )
            rows += [(f"i{item}", user, -low, r) for r, (low, _, user) in enumerate(candidates[:most], start=1)]
        return rows


@pytest.mark.parametrize("strings", [False, True])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.sampled_from([1, 50, 120, USERS]))
def test_packed_pairs_are_ranked_as_by_a_full_sort(strings: bool, seed: int, most: int) -> None:
    world, found, before = World(seed, strings), list[tuple[str, object, float, int]](), packs.PACKED_PAIRS
    packs.PACKED_PAIRS = 150
    try:
        groups = list(world.groups())
    finally:
        packs.PACKED_PAIRS = before
    assert len(groups) > 5
    counts = np.zeros(len(world.ranges.item), dtype=np.int64)
    for group in groups:
        for batch in count_packs().run(group):
            counts[batch.column("range").to_numpy()] = batch.column("count").to_numpy()
    above = world.ranges.above(counts)
    names = [f"i{item}" for item in world.ranges.item]
    places = Places(names, world.ranges.item * 10, above, most - above)
    for group in groups:
        for row in pa.Table.from_batches(
            rank_packs(places, "x").run(group), ranked_schema(world.users.type)
        ).to_pylist():
            assert row["bucket"] == int(row["item_id"][1:]) * 10
            found.append((row["item_id"], row["user_id"], row["score"], row["rank"]))
    assert found == world.expected(most)


def ranked_schema(kind: pa.DataType) -> pa.Schema:
    return pa.schema(
        [
            ("item_id", pa.string()),
            ("user_id", kind),
            ("score", pa.float64()),
            ("rank", pa.int32()),
            ("bucket", pa.int32()),
        ]
    )


def test_no_pairs_no_packs() -> None:
    world = World(0, strings=False)
    waiting = WaitingPairs(world.ranges)
    none = np.empty(0)
    assert list(waiting.add(world.users[:0], none.astype(np.int32), none)) == []
    assert list(waiting.packs()) == []
    empty = pa.record_batch([pa.array([], pa.int32()), world.users[:0]], ["item", "user_id"])
    assert [len(made) for made in pack_left_out(world.ranges).run([empty])] == [0]
    assert list(rank_packs(Places([], none.astype(int), none.astype(int), none.astype(int)), "bigint").run([])) == []
