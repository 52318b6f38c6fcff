import numpy as np
import pytest

from ralm.errors import MissingInputError
from ralm.scoring.bundle import ScoringBundle, cached_scorer, write_scoring_bundle
from ralm.scoring.scorer import Scorer, lookalike_state
from tests.s3_server import leading_to, make_bucket, s3_server
from tests.scoring.weights import random_items, random_weights


def test_what_is_written_is_read(tmp_path):
    weights, (centroids, sizes) = random_weights(pooling="average"), random_items()
    names = [f"item {i}" for i in range(6)]
    path = write_scoring_bundle(
        f"file:{tmp_path}/bundle", lookalike_state(weights, centroids, sizes), names, np.arange(6.0)
    )
    found = ScoringBundle.load(path)
    np.testing.assert_array_equal(found.state.arrays["centroids"], centroids)
    np.testing.assert_array_equal(found.state.arrays["sizes"], sizes)
    assert found.item_ids == names
    assert found.cuts.tolist() == list(range(6))
    assert isinstance(found.state.arrays["centroids"], np.memmap)
    users = np.ones((2, 12), dtype=np.float32)
    one, other = found.state.build(), Scorer(weights, centroids, sizes)
    np.testing.assert_array_equal(one.score(*one.targets(users)), other.score(*other.targets(users)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle"]  # nothing temporary is left


@pytest.fixture(params=["mounted", "s3a"])
def path(request, tmp_path):
    if request.param == "mounted":
        yield str(tmp_path / "bundle")
        return
    with s3_server(tmp_path) as address, leading_to(address):
        make_bucket(address, "bucket")
        yield "s3a://bucket/bundle"


def test_a_replaced_bundle_is_read_again(path):
    weights, (centroids, sizes) = random_weights(), random_items()
    write_scoring_bundle(path, lookalike_state(weights, centroids, sizes), list("abcdef"))
    first, cuts = cached_scorer(path, 256)
    assert cuts is None
    assert cached_scorer(path, 256)[0] is first
    write_scoring_bundle(path, lookalike_state(weights, centroids[:2], sizes[:2]), list("ab"), np.zeros(2))
    second, cuts = cached_scorer(path, 256)
    assert second.items == 2
    assert cuts.tolist() == [0, 0]
    for number in range(3):  # at once, and of one size
        write_scoring_bundle(path, lookalike_state(weights, centroids[:2], sizes[:2]), list("ab"), np.full(2, number))
        assert cached_scorer(path, 256)[1].tolist() == [number, number]


def test_no_bundle_and_arrays_that_do_not_fit(tmp_path):
    with pytest.raises(MissingInputError, match="scoring bundle"):
        cached_scorer(str(tmp_path / "none"), 256)
    state = lookalike_state(random_weights(), *random_items())
    with pytest.raises(ValueError, match="2 cuts for 6 items"):
        write_scoring_bundle(str(tmp_path / "b"), state, list("abcdef"), np.zeros(2))
