"""The order of a ranking against Python's sort by two keys."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralm.scoring.best_first import best_first

SCORES = st.sampled_from([-1.5, 0.0, 0.25, 0.250001, 3.0])


@given(st.lists(st.tuples(SCORES, st.integers(-(2**63), 2**63 - 1)), max_size=60, unique_by=lambda row: row[1]))
def test_numbers(rows: list[tuple[float, int]]) -> None:
    scores, users = np.array([score for score, _ in rows]), [user for _, user in rows]
    found = best_first(scores, pa.array(users, pa.int64()))
    assert found.tolist() == sorted(range(len(rows)), key=lambda i: (-scores[i], users[i]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@given(rows=st.lists(st.tuples(SCORES, st.text(max_size=3)), max_size=40, unique_by=lambda row: row[1]))
def test_strings_are_in_the_order_of_their_bytes(kind: pa.DataType, rows: list[tuple[float, str]]) -> None:
    scores, users = np.array([score for score, _ in rows]), [user for _, user in rows]
    found = best_first(scores, pa.array(users, kind))
    assert found.tolist() == sorted(range(len(rows)), key=lambda i: (-scores[i], users[i].encode()))


def test_all_scores_equal_and_none() -> None:
    users = np.random.default_rng(0).permutation(10_000)
    assert users[best_first(np.zeros(10_000), pa.array(users))].tolist() == list(range(10_000))
    assert best_first(np.empty(0), pa.array([], pa.int64())).tolist() == []
