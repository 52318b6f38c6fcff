"""Single users' vectors taken out of the files beside a look-alike model: what it was fitted from and judged on.

The model itself (`model.pt`, `weights.npz`, `closed_form.npz`) is made of sums over users: it has no row per user.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.storage.path import StoragePath
from ralm.training.judged_items import JudgedItems, Situation

# Which of some vectors (n, d) are to go (n,).
Gone = Callable[[NDArray[Any]], NDArray[np.bool_]]


def erase_vectors(folder: Path | StoragePath, gone: Gone) -> dict[str, int]:
    """Write the files of a model's folder anew without some vectors, each at once; file name -> vectors that went.

    Args:
        folder: of a look-alike model.
        gone: tells which vectors are to go.
    """
    found, place = {}, StoragePath.at(folder)
    for file in place.children("judged*.npz"):
        count, left = _without(Situation.load(file.local()), gone)
        if count:
            file.write(left.save)
            found[file.name] = count
    centroids, sizes = place / "centroids.npy", place / "sizes.npy"
    if centroids.exists() and sizes.exists():
        arrays = np.load(centroids.local()), np.load(sizes.local())
        if count := _lone(*arrays, gone):
            for file, array in zip((centroids, sizes), arrays, strict=True):
                file.write(partial(np.save, arr=array))
            found[centroids.name] = count
    return found


def _without(situation: Situation, gone: Gone) -> tuple[int, Situation]:
    """Without the users and clickers that are to go; an item without a clicker is judged no more."""
    judged = situation.judged
    users, clickers = ~gone(judged.users), ~gone(judged.clickers)
    centroids, sizes = situation.centroids.copy(), situation.sizes.copy()
    count = int((~users).sum() + (~clickers).sum()) + _lone(centroids, sizes, gone)
    item = judged.item[clickers]
    rows = np.unique(item)
    left = JudgedItems(
        users=judged.users[users],
        rows=judged.rows[rows],
        number=judged.number[rows],
        clickers=judged.clickers[clickers],
        item=np.searchsorted(rows, item),
        known=judged.known[rows][:, users],
        feed=judged.feed,
    )
    return count, Situation(left, centroids[rows], sizes[rows])


def _lone(centroids: NDArray[Any], sizes: NDArray[Any], gone: Gone) -> int:
    """Make the clusters of one seed absent whose seed is to go; how many.

    Args:
        centroids: (rows, k, d), changed in place.
        sizes: (rows, k), changed in place.
        gone: tells which vectors are to go.
    """
    lone = np.argwhere(sizes == 1)
    hit = lone[gone(centroids[lone[:, 0], lone[:, 1]])]
    centroids[hit[:, 0], hit[:, 1]] = 0
    sizes[hit[:, 0], hit[:, 1]] = 0
    return len(hit)
