"""How well an excluded field is guessed, in worlds where the best guess is known."""

import numpy as np
import pytest
from scipy import sparse

from ralm.insight.stand_ins import StandIn, stand_in

USERS = 20_000


def world(flipped: float, seed: int = 0) -> StandIn:
    """One feature is the excluded value but for a share of users, in whom it is the contrary; five are noise."""
    rng = np.random.default_rng(seed)
    has = rng.random(USERS) < 0.5
    features = rng.random((USERS, 6)) < 0.5
    features[:, 2] = has ^ (rng.random(USERS) < flipped)
    columns = {"noise": np.array([0, 1]), "near": np.array([2]), "more noise": np.array([3, 4, 5])}
    found = stand_in(sparse.csr_matrix(features.astype(np.float32)), columns, {"sex = f": has}, seed)
    assert found is not None
    return found


@pytest.mark.parametrize("flipped", [0.1, 0.2, 0.4])
def test_the_auc_is_that_of_the_best_guess(flipped: float) -> None:
    """Of a binary feature that is wrong in a share p of both kinds the AUC is 1 - p; noise takes a little away."""
    found = world(flipped)
    assert found.auc == pytest.approx(1 - flipped, abs=0.02)
    assert found.low < found.auc < found.high
    assert next(iter(found.alone)) == "near"
    assert found.alone["near"] == pytest.approx(1 - flipped, abs=0.02)
    assert found.alone["noise"] == pytest.approx(0.5, abs=0.03)
    assert found.stands_in == (flipped < 0.3)
    assert "\n" not in found.says("sex")
    assert ("WARNING" in found.says("sex") and "most of it from 'near'" in found.says("sex")) == found.stands_in


def test_noise_guesses_nothing() -> None:
    found = world(0.5)
    assert found.auc == pytest.approx(0.5, abs=0.03)
    assert "can hardly be guessed" in found.says("sex")


def test_rare_values_are_no_basis() -> None:
    features = sparse.csr_matrix(np.ones((500, 1), np.float32))
    has = np.zeros(500, bool)
    has[:10] = True
    assert stand_in(features, {"one": np.arange(1)}, {"rare": has}, 0) is None
