"""The features of users against a loop over their fields."""

import numpy as np
import pyarrow as pa

from ralm.baselines.feature_space import FeatureSpace
from ralm.field_specs import NUMERIC_EDGES, CategorySpec, HistorySpec, UserFields

FIELDS = UserFields(
    histories=[HistorySpec(domain="film", length=3, size=6), HistorySpec(domain="shop", length=2, size=4)],
    categories=[CategorySpec(name="city", size=3)],
    numerics=["age"],
)
SPACE = FeatureSpace(fields=FIELDS)
USERS = pa.table(
    {
        "history_film": pa.array([[5, 2, 2], [0, 0, 0], [1, 0, 0]], pa.list_(pa.int32())),
        "history_shop": pa.array([[3, 0], [0, 0], [1, 2]], pa.list_(pa.int32())),
        "category_city": pa.array([2, 0, 1], pa.int32()),
        "numeric": pa.array([[-9.0], [0.0], [1.5]], pa.list_(pa.float32())),
    }
)


def loop(row: dict[str, object]) -> set[str]:
    """The names of a user's features, straight from the fields."""
    found = {f"film = f{i}" if i < 5 else "film = (rare 0)" for i in row["history_film"] if i}  # type: ignore[attr-defined]
    found |= {f"shop = s{i}" for i in row["history_shop"] if i}  # type: ignore[attr-defined]
    if row["category_city"]:
        found.add(f"city = c{row['category_city']}")
    value = row["numeric"][0]  # type: ignore[index]
    if value == 0:  # missing
        return found
    low = max((edge for edge in NUMERIC_EDGES if edge <= value), default=None)
    high = min((edge for edge in NUMERIC_EDGES if edge > value), default=None)
    bounds = [f"at least {low:g}"] if low is not None else []
    bounds += [f"below {high:g}"] if high is not None else []
    return found | {f"age {' and '.join(bounds)} deviations from the mean"}


def test_rows_are_the_users_features() -> None:
    names = SPACE.names({"film": ["f1", "f2", "f3", "f4"], "shop": ["s1", "s2", "s3"], "city": ["c1", "c2"]})
    assert len(names) == len(set(names)) == SPACE.size == 5 + 3 + 2 + len(NUMERIC_EDGES) + 1
    matrix = SPACE.matrix(USERS)
    assert matrix.shape == (3, SPACE.size)
    assert set(matrix.data) == {1.0}  # a film seen twice is one feature
    for row, user in zip(matrix.toarray(), USERS.to_pylist(), strict=True):
        assert {names[place] for place in np.flatnonzero(row)} == loop(user)


def test_no_users_and_the_way_to_a_worker() -> None:
    assert SPACE.matrix(USERS.slice(0, 0)).shape == (0, SPACE.size)
    assert FeatureSpace.of_array(SPACE.as_array()) == SPACE
