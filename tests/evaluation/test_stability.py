"""The share of a top that stays, against sets in a loop and at its edges."""

import math

import numpy as np
import pytest

from ralm.evaluation.stability import kept_share


def test_it_is_the_overlap_of_sets() -> None:
    rng = np.random.default_rng(3)
    scores, others = rng.normal(size=200), rng.normal(size=(200, 4))
    best = set(sorted(range(200), key=lambda user: -scores[user])[:10])
    overlaps = [len(best & set(sorted(range(200), key=lambda user: -drawn[user])[:10])) / 10 for drawn in others.T]
    assert kept_share(scores, others, 0.05) == pytest.approx(np.mean(overlaps))


def test_the_same_scores_keep_everyone_and_ties_have_one_order() -> None:
    scores = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    assert kept_share(scores, np.stack([scores, 2 * scores, scores - 3], axis=1), 0.4) == 1
    assert kept_share(scores, -scores[:, None], 0.2) == 0


def test_who_is_no_candidate_is_in_no_top() -> None:
    scores = np.array([9.0, 8.0, 1.0, 2.0, -np.inf, -np.inf])
    drawn = np.array([-np.inf, 8.0, 1.0, -np.inf, 7.0, 9.0])[:, None]  # another draw has other candidates
    assert kept_share(scores, drawn, 0.5) == pytest.approx(1 / 2)  # the best two of four: {0, 1} and {5, 1}
    assert math.isnan(kept_share(np.full(3, -np.inf), scores[:3, None], 0.5))
    assert math.isnan(kept_share(scores, np.empty((6, 0)), 0.5))
