"""Files beside a model without some users: what is left is judged as before."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ralm.training.erased_vectors import erase_vectors
from ralm.training.judged_items import JudgedItems, Situation
from ralm.warehouse.vector_keys import vector_keys

USERS, ITEMS, WIDTH, CLUSTERS = 30, 4, 6, 3


@pytest.fixture
def situation() -> Situation:
    rng = np.random.default_rng(0)
    judged = JudgedItems(
        users=rng.normal(size=(USERS, WIDTH)).astype(np.float32),
        rows=np.array([0, 2, 5, 7]),
        number=np.array([0, 2, 1, 3]),
        clickers=rng.normal(size=(9, WIDTH)).astype(np.float32),
        item=np.array([0, 0, 1, 1, 1, 2, 3, 3, 3]),
        known=rng.random((ITEMS, USERS)) < 0.3,
        feed=np.array(False),
    )
    sizes = np.array([[1, 4, 0], [2, 1, 1], [3, 0, 0], [1, 1, 1]], np.int32)
    return Situation(judged, rng.normal(size=(ITEMS, CLUSTERS, WIDTH)).astype(np.float32), sizes)


def gone_of(*vectors: NDArray[np.float32]) -> object:
    keys = vector_keys(np.stack(vectors))
    return lambda found: np.isin(vector_keys(found), keys)


def test_users_clickers_and_lone_seeds_go(tmp_path: Path, situation: Situation) -> None:
    judged = situation.judged
    # A user, a clicker of item 0, the one clicker of item 2, the lone cluster (1, 1), and a mean of two, which stays.
    leaving = (
        judged.users[7],
        judged.clickers[1],
        judged.clickers[5],
        situation.centroids[1, 1],
        situation.centroids[1, 0],
    )
    situation.save(tmp_path / "judged.npz")
    assert erase_vectors(tmp_path, gone_of(*leaving)) == {"judged.npz": 4}  # type: ignore[arg-type]
    left = Situation.load(tmp_path / "judged.npz")
    assert left.judged.rows.tolist() == [0, 2, 7]
    assert left.judged.number.tolist() == [0, 2, 3]
    assert left.judged.item.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert (left.judged.users == np.delete(judged.users, 7, axis=0)).all()
    assert (left.judged.known == np.delete(judged.known[[0, 1, 3]], 7, axis=1)).all()
    assert left.sizes.tolist() == [[1, 4, 0], [2, 0, 1], [1, 1, 1]]
    assert not left.centroids[1, 1].any()
    assert (left.centroids[1, 0] == situation.centroids[1, 0]).all()
    scores = [(own @ np.ones(WIDTH), left.judged.users @ np.ones(WIDTH)) for own in (left.judged.clickers[:1],) * 3]
    assert np.isfinite(left.judged.values(scores)).all()
    assert erase_vectors(tmp_path, gone_of(*leaving[:-1])) == {}  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judged.npz"]


def test_centroids_of_one_seed_go(tmp_path: Path, situation: Situation) -> None:
    np.save(tmp_path / "centroids.npy", situation.centroids)
    np.save(tmp_path / "sizes.npy", situation.sizes)
    gone = gone_of(situation.centroids[3, 2], situation.centroids[2, 0])
    assert erase_vectors(tmp_path, gone) == {"centroids.npy": 1}  # type: ignore[arg-type]
    sizes, centroids = np.load(tmp_path / "sizes.npy"), np.load(tmp_path / "centroids.npy")
    assert sizes.tolist() == [[1, 4, 0], [2, 1, 1], [3, 0, 0], [1, 1, 0]]
    assert not centroids[3, 2].any()
    assert (centroids[2, 0] == situation.centroids[2, 0]).all()
