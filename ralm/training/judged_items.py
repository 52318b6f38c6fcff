"""Validation items, judged as audiences are used: their held-out clickers against a sample of all users.

The validation items have left the training; a clicker who is judged is no seed. An item has two figures: the AUC of its
clickers against all users, and the share of its clickers in the top 5 % of all users. With `objective: feed` it has
one: the AUC against the users whom the item was shown to and who did not click.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ralm.evaluation.array_metrics import below
from ralm.models.lookalike import LookalikeModel

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
        rows: (rows,), in the arrays of centroids: an item stands there once per draw of its seeds.
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

    def value(self, clickers: NDArray[Any], users: NDArray[Any]) -> NDArray[np.float64]:
        """The figures (figures,) of one row, from the scores of its clickers (m,) and of the others (n,)."""
        found = area(clickers, users)
        return np.array([found] if self.feed else [found, share_in_top(clickers, users)])

    def values(
        self, scores: Iterable[tuple[NDArray[Any], NDArray[Any]]], rows: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """The figures of each item (items, figures), as in `per_item`.

        Args:
            scores: per row, those of its clickers (m,) and of all users (n,).
            rows: (all rows,), which rows those are; all.
        """
        known = self.known if rows is None else self.known[rows]
        found = [self.value(own, users[~hidden]) for (own, users), hidden in zip(scores, known, strict=True)]
        return self.per_item(np.array(found), rows)

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

    def save(self, path: Path) -> None:
        """Write to a file."""
        np.savez(path, allow_pickle=False, **{field.name: getattr(self, field.name) for field in fields(self)})

    @staticmethod
    def load(path: Path) -> JudgedItems:
        """Read what `save` wrote."""
        with np.load(path) as found:
            return JudgedItems(*(found[field.name] for field in fields(JudgedItems)))

    @property
    def enough(self) -> bool:
        """Whether there are items enough to decide anything."""
        return enough(self.number)


def enough(number: NDArray[np.int64]) -> bool:
    """Whether rows of these items are of enough items to decide anything."""
    return len(np.unique(number)) >= LEAST_ITEMS


def score_parts(
    model: LookalikeModel, judged: JudgedItems, places: Iterable[int], centroids: NDArray[Any], sizes: NDArray[Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Per row, the parts of the scores of its clickers (4, m) and of the users (4, n); the model is set to judge.

    Args:
        model: on any device.
        judged: what it is judged on.
        places: of the rows in `judged.rows`.
        centroids: (places, k, d), of those rows' seeds.
        sizes: (places, k).
    """
    device = model.offset.device
    model.eval()
    users, clickers = (model.users(torch.from_numpy(x).to(device)) for x in (judged.users, judged.clickers))
    for place, means, members in zip(places, centroids, sizes, strict=True):
        item = torch.tensor(means, device=device), torch.tensor(members, dtype=torch.int64, device=device)
        own = clickers.chosen(torch.from_numpy(judged.item == place).to(device))
        yield (
            model.parts(own, *item).double().cpu().numpy(),
            model.parts(users, *item).double().cpu().numpy(),
        )


def area(clickers: NDArray[Any], users: NDArray[Any]) -> float:
    """The AUC of clickers (m,) against others (n,), ties counting half; .5 without others."""
    if not len(users):
        return 0.5
    return float(below(clickers, users).mean() / len(users))


def share_in_top(clickers: NDArray[Any], users: NDArray[Any]) -> float:
    """The share of an item's clickers in the top 5 % of all users; ties count half.

    Args:
        clickers: (m,) scores of held-out clickers, m ≥ 1.
        users: (n,) scores of all users, n ≥ 1.
    """
    ordered = np.sort(users)
    cut = ordered[min(len(ordered) - 1, int(np.ceil(len(ordered) * (1 - TOP_FRACTION))))]
    return float((clickers > cut).mean() + (clickers == cut).mean() / 2)


def choose(values: Sequence[NDArray[np.float64]]) -> int:
    """The first of several models, simplest first, that no later one beats.

    A later one beats it if the mean of the figures is higher by more than two standard errors and by more than .005,
    and no figure is lower by more than one standard error of its own: what finds more of the clickers at the price of
    the ranking of all is not taken.

    Args:
        values: per model, the figures of each item (items, figures).
    """
    best = 0
    for place in range(1, len(values)):
        gain = values[place] - values[best]
        total, error = gain.mean(axis=1), 1 / np.sqrt(len(gain))
        harms = gain.mean(axis=0) < -gain.std(axis=0, ddof=1) * error
        if total.mean() > max(MARGIN, ERRORS * total.std(ddof=1) * error) and not harms.any():
            best = place
    return best
