"""The judge of closed forms: every item is judged by a model that was fitted without it, in both situations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.models.item_classifier import ItemClassifier
from ralm.models.lookalike import LookalikeModel
from ralm.models.plda import Plda
from ralm.training.judged_items import Figures, JudgedItems, Situation, enough, score_parts

Doubles = NDArray[np.float64]
# Parts of the items; an item belongs to one by its number.
FOLDS = 5


@dataclass(frozen=True)
class FoldJudge:
    """Judges closed forms on items that they were not fitted on.

    Attributes:
        situations: in which there are items enough.
        items: how many items there are in all, enough or not.
    """

    situations: tuple[Situation, ...]
    items: int

    @staticmethod
    def of(*situations: Situation) -> FoldJudge:
        """In those of the situations that have items enough."""
        numbers = [situation.judged.number for situation in situations]
        found = tuple(situation for situation in situations if situation.judged.enough)
        return FoldJudge(found, len(np.unique(np.concatenate(numbers))))

    def beside(self, models: Sequence[Plda], classifiers: Sequence[ItemClassifier]) -> list[Doubles]:
        """What the classifiers add to the items' directions (rows, d), in each situation.

        Args:
            models: the model of each fold.
            classifiers: the classifier of each fold.
        """
        return [_beside(situation, models, classifiers) for situation in self.situations]

    def values(self, models: Sequence[Plda], beside: Sequence[Doubles] = (), least: int = 0) -> Figures:
        """The figures of each item, in each situation.

        Args:
            models: the model of each fold.
            beside: of `beside`, or none.
            least: rows with fewer seeds are not judged, nor situations with too few items then.
        """
        found = []
        for number, situation in enumerate(self.situations):
            chosen = situation.sizes.sum(axis=1) >= least
            if enough(situation.judged.number[chosen]):
                found.append(_values(situation, models, beside[number] if beside else None, chosen))
        return found

    @property
    def feed(self) -> bool:
        """Whether items are judged on those who were shown them."""
        return any(one.judged.feed for one in self.situations)

    @property
    def seeded(self) -> int:
        """So many seeds the best quarter of the rows have, in the situation where seeds are fewer."""
        return int(np.ceil(min(np.quantile(one.sizes.sum(axis=1), 0.75) for one in self.situations)))

    def parts(self, models: Sequence[LookalikeModel]) -> list[list[tuple[NDArray[Any], NDArray[Any]]]]:
        """Per situation and row, the closed form and the attention of its clickers (2, m) and its candidates (2, c).

        Args:
            models: the model of each fold.
        """
        return [_parts(situation, models) for situation in self.situations]


def _fold_rows(situation: Situation, fold: int, chosen: NDArray[np.bool_] | None = None) -> list[int]:
    mine = situation.judged.number % FOLDS == fold
    found: list[int] = np.flatnonzero(mine if chosen is None else mine & chosen).tolist()
    return found


def _beside(situation: Situation, models: Sequence[Plda], classifiers: Sequence[ItemClassifier]) -> Doubles:
    found = np.zeros((len(situation.sizes), len(models[0].mean)))
    for fold, (model, classifier) in enumerate(zip(models, classifiers, strict=True)):
        rows = _fold_rows(situation, fold)
        found[rows] = classifier.directions(situation.centroids[rows], situation.sizes[rows], model)
    return found


def _values(
    situation: Situation, models: Sequence[Plda], beside: Doubles | None, chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The figures of each item (items, figures) of the chosen rows (rows,) of a situation; see `FoldJudge.values`."""
    judged = situation.judged
    scores: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
    for fold, model in enumerate(models):
        rows = _fold_rows(situation, fold, chosen)
        seeds = situation.seeds[0][rows], situation.seeds[1][rows]
        # Of raw vectors: without their mean, an item's scores all change by the same number, which no figure sees.
        # In single precision: users are, and they are sorted in a quarter of the time.
        directions = model.directions(*seeds, 0.0 if beside is None else beside[rows]) @ model.basis.T
        directions = directions.astype(np.float32)
        for row, direction, others in zip(rows, directions, _others(judged, rows, directions), strict=True):
            scores[row] = judged.clickers[judged.clickers_of[row]] @ direction, others
    return judged.values([scores[row] for row in np.flatnonzero(chosen).tolist()], chosen)


def _others(judged: JudgedItems, rows: Sequence[int], directions: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Per row, the scores of its candidates by its direction."""
    candidates = map(judged.candidates, rows)
    if judged.feed:  # few users are shown an item
        yield from (judged.users[own] @ direction for own, direction in zip(candidates, directions, strict=True))
    else:
        yield from (of_all[own] for own, of_all in zip(candidates, directions @ judged.users.T, strict=True))


def _parts(situation: Situation, models: Sequence[LookalikeModel]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    found: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
    for fold, model in enumerate(models):
        rows = _fold_rows(situation, fold)
        for row, both in zip(rows, score_parts(model, situation, rows), strict=True):
            own, others = (np.stack([part[0], part[1] + part[2]]) for part in both)
            found[row] = own, others
    return [found[row] for row in range(len(situation.judged.rows))]
