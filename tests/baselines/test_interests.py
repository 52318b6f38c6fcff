"""Interest vectors against a full decomposition, and their folder."""

import numpy as np
import pytest
from scipy import sparse

from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.interests import (
    InterestModel,
    components,
    interest_components,
    interest_vectors,
    read_interests,
    unit_rows,
    write_interests,
)
from ralm.errors import MissingInputError
from ralm.field_specs import HistorySpec, UserFields


def two_tastes(users=300, things=40, seed=0):
    """Half of the users act on the first half of the things, the others on the second."""
    rng = np.random.default_rng(seed)
    taste = np.arange(users) % 2
    likely = np.where((np.arange(things) < things // 2)[None] == (taste == 0)[:, None], 0.4, 0.02)
    found = (rng.random((users, things)) < likely).astype(np.float32)
    found[5] = 0  # a user without anything
    return sparse.csr_matrix(found), taste


def test_rows_have_length_one_and_empty_rows_stay_empty() -> None:
    sets, _ = two_tastes()
    rows = unit_rows(sets).toarray()
    lengths = np.linalg.norm(rows, axis=1)
    assert lengths[5] == 0
    np.testing.assert_allclose(np.delete(lengths, 5), 1, rtol=1e-6)
    assert ((rows > 0) == (sets.toarray() > 0)).all()


def test_the_components_span_what_a_full_decomposition_gives() -> None:
    sets, taste = two_tastes()
    found = components(sets, 2, seed=3)
    _, _, full = np.linalg.svd(unit_rows(sets).toarray(), full_matrices=False)
    # Two subspaces are the same if all singular values of the product of their bases are 1.
    np.testing.assert_allclose(np.linalg.svd(full[:2] @ found)[1], 1, atol=1e-3)
    vectors = interest_vectors(sets, found)
    assert not vectors[5].any()
    second = vectors[:, 1]
    assert (np.sign(second[taste == 0]).mean() * np.sign(second[taste == 1]).mean()) < -0.9


@pytest.mark.parametrize(("users", "things"), [(2, 40), (300, 3), (1, 1)])
def test_few_users_or_things_give_fewer_dimensions(users, things) -> None:
    sets = sparse.csr_matrix(np.ones((users, things), np.float32))
    found = components(sets, 256, seed=1)
    assert found.shape == (things, max(1, min(users, things) - 1))
    assert np.isfinite(interest_vectors(sets, found)).all()


def test_a_folder_and_back(tmp_path) -> None:
    sets, _ = two_tastes()
    space = FeatureSpace(fields=UserFields(histories=[HistorySpec(domain="film", length=9, size=42)]))
    path = f"file:{tmp_path}/interests"
    with pytest.raises(MissingInputError, match="not found on this machine"):
        read_interests(path)
    write_interests(path, InterestModel(vocabulary_version="v1", space=space), components(sets, 4, seed=1))
    assert read_interests(path).space == space
    np.testing.assert_array_equal(interest_components(path), components(sets, 4, seed=1))
