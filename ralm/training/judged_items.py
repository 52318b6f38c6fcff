"""Validation items, judged as audiences are used: their held-out clickers against a sample of all users.

The validation items have left the training; a clicker who is judged is no seed. An item has two figures: the AUC of its
clickers against all users, and the share of its clickers in the top 5 % of all users. With `objective: feed` it has
one: the AUC against the users whom the item was shown to and who did not click.

Items are judged in two situations, which count alike: with seeds drawn from the clicks of the label window, as of a new
item; and with the clicks before it as seeds, as audiences are made every night: all seeds have clicked by the date as
of which users are described, those who are looked for have not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ralm.evaluation.array_metrics import below
from ralm.models.lookalike import LookalikeModel
from ralm.models.plda import seed_means

TOP_FRACTION = 0.05
# What leaves the simpler or the usual way has to improve the figures by so many standard errors, and by so much.
ERRORS = 2.0
MARGIN = 0.005
# Fewer items decide nothing: of the error of a mean they say too little.
LEAST_ITEMS = 20

# A model that was not trained: without attention, and with it.
UNTRAINED = ("closed form", "closed form + untrained attention")
# What is kept of a trained one, simplest first: global attention, local attention, user bias.
CHOICES = {
    "closed form": (0.0, 0.0, 0.0),
    "closed form + user": (0.0, 0.0, 1.0),
    "closed form + global attention": (1.0, 0.0, 0.0),
    "closed form + global attention + user": (1.0, 0.0, 1.0),
    "closed form + global and local attention": (1.0, 1.0, 0.0),
    "closed form + global and local attention + user": (1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class JudgedItems:
    """What validation items are judged on.

    Attributes:
        users: (n, d), a sample of all users; for a feed, those who did not click what they were shown.
        rows: (rows,), in the arrays of the seeds' clusters: an item stands there once per draw of its seeds.
        number: (rows,), which item a row is of.
        clickers: (m, d), users who clicked and are no seeds.
        item: (m,), the position in `rows` of the clicker's item and draw.
        known: (rows, n), the users who are no candidates: they clicked the item, or were not shown it.
        feed: (), whether only the AUC counts.
    """

    users: NDArray[np.float32]
    rows: NDArray[np.int64]
    number: NDArray[np.int64]
    clickers: NDArray[np.float32]
    item: NDArray[np.int64]
    known: NDArray[np.bool_]
    feed: NDArray[np.bool_]

    @cached_property
    def clickers_of(self) -> list[NDArray[np.int64]]:
        """Per row, which of `clickers` are of its item."""
        counts = np.bincount(self.item, minlength=len(self.rows))
        return np.split(np.argsort(self.item, kind="stable"), np.cumsum(counts)[:-1])

    def candidates(self, row: int) -> NDArray[np.int64]:
        """Which of `users` the clickers of a row are compared with."""
        return np.flatnonzero(~self.known[row])

    def value(self, clickers: NDArray[Any], users: NDArray[Any]) -> NDArray[np.float64]:
        """The figures (figures,) of one row, from the scores of its clickers (m,) and of the others (n,)."""
        ordered = np.sort(users)
        found = area(clickers, ordered)
        return np.array([found] if self.feed else [found, share_in_top(clickers, ordered)])

    def values(
        self, scores: Iterable[tuple[NDArray[Any], NDArray[Any]]], rows: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """The figures of each item (items, figures), as in `per_item`.

        Args:
            scores: per row, those of its clickers (m,) and of its candidates (c,).
            rows: (all rows,), which rows those are; all.
        """
        return self.per_item(np.array([self.value(*of_row) for of_row in scores]), rows)

    def per_item(self, values: NDArray[np.float64], rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """The mean figures of each item over the draws of its seeds (items, figures), from those of every row.

        Draws of one item tell nearly the same: counted as items of their own, they would make chance look certain.

        Args:
            values: of the rows (rows, figures).
            rows: (all rows,), which rows those are; all.
        """
        number = self.number if rows is None else self.number[rows]
        _, place = np.unique(number, return_inverse=True)
        return np.stack([np.bincount(place, column) / np.bincount(place) for column in values.T], axis=1)

    @property
    def enough(self) -> bool:
        """Whether there are items enough to decide anything."""
        return enough(self.number)


@dataclass(frozen=True)
class Situation:
    """Judged items, with the clusters of the seeds that they are judged by.

    Attributes:
        judged: the items.
        centroids: (rows, k, d), of the seeds of `judged.rows`.
        sizes: (rows, k).
    """

    judged: JudgedItems
    centroids: NDArray[Any]
    sizes: NDArray[Any]

    @cached_property
    def seeds(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """The mean vector (rows, d) and the number (rows,) of the seeds of every row."""
        return seed_means(self.centroids, self.sizes)

    @staticmethod
    def of(judged: JudgedItems, clusters: Mapping[str, NDArray[Any]]) -> Situation:
        """With `centroids` and `sizes` of all rows that `judged.rows` may name; they may be missing without any."""
        if not len(judged.rows):
            return Situation(judged, np.zeros((0, 1, 1), np.float32), np.zeros((0, 1), np.int32))
        return Situation(judged, *(clusters[name][judged.rows] for name in ("centroids", "sizes")))

    def save(self, path: Path) -> None:
        """Write to a file."""
        items = {field.name: getattr(self.judged, field.name) for field in fields(JudgedItems)}
        np.savez(path, allow_pickle=False, **items, centroids=self.centroids, sizes=self.sizes)

    @staticmethod
    def load(path: Path) -> Situation:
        """Read what `save` wrote."""
        with np.load(path) as found:
            judged = JudgedItems(*(found[field.name] for field in fields(JudgedItems)))
            return Situation(judged, found["centroids"], found["sizes"])


# The figures of the items of every situation (items, figures).
Figures = Sequence[NDArray[np.float64]]


def mean_figure(values: Figures) -> float:
    """The mean of all figures of the items, every situation counting alike."""
    return float(np.mean([of_one.mean() for of_one in values]))


def enough(number: NDArray[np.int64]) -> bool:
    """Whether rows of these items are of enough items to decide anything."""
    return len(np.unique(number)) >= LEAST_ITEMS


def score_parts(
    model: LookalikeModel, situation: Situation, places: Sequence[int]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Per row, the parts of the scores of its clickers (4, m) and of its candidates (4, c); the model is set to judge.

    Args:
        model: on any device.
        situation: what it is judged on.
        places: of the rows in `judged.rows`.
    """
    judged = situation.judged
    device = model.offset.device
    model.eval()
    users, clickers = (model.users(torch.from_numpy(x).to(device)) for x in (judged.users, judged.clickers))
    for place in places:
        means, members = situation.centroids[place], situation.sizes[place]
        item = torch.tensor(means, device=device), torch.tensor(members, dtype=torch.int64, device=device)
        own = clickers.chosen(torch.from_numpy(judged.clickers_of[place]).to(device))
        # Few users are shown an item; of all users, few are known.
        candidates = torch.from_numpy(judged.candidates(place)).to(device)
        parts = (
            model.parts(users.chosen(candidates), *item) if judged.feed else model.parts(users, *item)[:, candidates]
        )
        yield model.parts(own, *item).double().cpu().numpy(), parts.double().cpu().numpy()


def area(clickers: NDArray[Any], ordered: NDArray[Any]) -> float:
    """The AUC of clickers (m,) against others (n,) in rising order, ties counting half; .5 without others."""
    if not len(ordered):
        return 0.5
    return float(below(clickers, ordered).mean() / len(ordered))


def share_in_top(clickers: NDArray[Any], ordered: NDArray[Any]) -> float:
    """The share of an item's clickers in the top 5 % of all users; ties count half.

    Args:
        clickers: (m,) scores of held-out clickers, m ≥ 1.
        ordered: (n,) scores of all users in rising order, n ≥ 1.
    """
    cut = ordered[min(len(ordered) - 1, int(np.ceil(len(ordered) * (1 - TOP_FRACTION))))]
    return float((clickers > cut).mean() + (clickers == cut).mean() / 2)


def beats(new: Figures, old: Figures, margin: float = MARGIN) -> bool:
    """Whether a model is better than another one beyond doubt.

    The mean of its figures is higher by more than two standard errors and by more than the margin, and no figure of any
    situation is lower by more than one standard error of its own: what finds more of the clickers at the price of the
    ranking of all is not taken, nor what helps new items at the price of the others.
    """
    gains = [ours - theirs for ours, theirs in zip(new, old, strict=True)]
    totals = [gain.mean(axis=1) for gain in gains]
    error = np.sqrt(sum(total.var(ddof=1) / len(total) for total in totals)) / len(totals)
    harms = any((gain.mean(axis=0) < -gain.std(axis=0, ddof=1) / np.sqrt(len(gain))).any() for gain in gains)
    gained = np.mean([total.mean() for total in totals])
    return bool(gained > max(margin, ERRORS * error) and not harms)


def choose(values: Sequence[Figures]) -> int:
    """The first of several models, simplest first, that no later one beats.

    Args:
        values: per model, the figures of every situation.
    """
    best = 0
    for place in range(1, len(values)):
        if beats(values[place], values[best]):
            best = place
    return best


def choose_number(values: Sequence[Figures]) -> int:
    """The best of those values of a number that beat its usual value, which stands first; that one if none does.

    Args:
        values: per value of the number, the figures of every situation.
    """
    better = [place for place in range(1, len(values)) if beats(values[place], values[0])]
    return max(better, key=lambda place: mean_figure(values[place]), default=0)
