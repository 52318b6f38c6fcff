"""Learning from seeds and users who may be undiscovered seeds: positive and unlabelled, never negative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
# (training rows, rows to decide), by number -> the decisions (logits) of a model trained on the former.
Decisions = Callable[[Ints, Ints], Floats]

# Parts of the cross-fit that estimates the label frequency: each positive is held out once.
FOLDS = 5


def bootstraps(labels: Ints, bags: int, seed: int) -> Iterator[Ints]:
    """The training rows of each bag: all seeds, and as many unlabelled rows drawn with replacement.

    Mordelet and Vert 2014, Algorithm 1, with their K (the size of a bootstrap) at the number of positives. A hidden
    positive is in few bags, so their average learns little of it.

    Args:
        labels: (n,), 1 a seed, 0 unlabelled.
        bags: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    positives, unlabelled = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    for _ in range(bags):
        yield np.concatenate([positives, rng.choice(unlabelled, len(positives))])


def label_frequency(labels: Ints, decisions: Decisions, seed: int) -> float:
    """c = p(labelled | positive): the mean probability that the model gives to held-out seeds.

    Elkan and Noto 2008, estimator e1 of section 2, with every seed held out once. Their Lemma 1, for labels that are
    chosen among the positives at random: p(positive | x) = p(labelled | x) / c. Both probabilities refer to the given
    rows: if the unlabelled rows are a sample, to a population that is thinned in the same way.

    Args:
        labels: (n,), 1 a seed, 0 unlabelled.
        decisions: fits and decides, given row numbers.
        seed: of the folds.

    Returns:
        A number in (0, 1]; 1 where there are too few rows to hold any out.
    """
    folds = min(FOLDS, int(np.bincount(labels, minlength=2).min()))
    if folds < 2:
        return 1.0
    split = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32).split(labels, labels)
    held = [expit(decisions(train, test[labels[test] == 1])) for train, test in split]
    return float(np.clip(np.concatenate(held).mean(), np.finfo(np.float32).tiny, 1.0))


def calibrated(decisions: Floats, frequency: NDArray[Any] | float) -> Floats:
    """p(positive | x) = min(1, σ(decision) / c) (Elkan and Noto 2008, Lemma 1): grows with the decision."""
    found: Floats = np.minimum(1.0, expit(decisions) / frequency)
    return found
