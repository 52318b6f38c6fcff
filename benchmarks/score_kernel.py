"""The scoring kernel on one core: pairs per second, next to the two matrix products that it cannot do without."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.harness import Benchmark, Contest
from ralm.config import Lookalike
from ralm.models.lookalike import LookalikeModel
from ralm.models.weights import export_weights
from ralm.scoring.contract import BLOCK
from ralm.scoring.kmeans import single_thread
from ralm.scoring.scorer import Scorer

USERS, ITEMS, CLUSTERS = 8_192, 100, 20
WIDTHS = (64, 128)


@contextmanager
def score_kernel(size: int | None) -> Iterator[Benchmark]:
    """8,192 users (or `size`) × 100 items, k = 20, float32, one thread, at h = 64 and 128.

    References: `products`, U · (items · k) twice, in the same blocks of users and nothing else; `loop`, attention
    item by item as the formula reads.
    """
    with single_thread():
        yield Benchmark("score_kernel", "pairs/s", [_contest(width, size or USERS) for width in WIDTHS])


def random_scorer(width: int, items: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32], NDArray[np.int32]]:
    """An untrained model's weights, and centroids (items, k, width) with their sizes."""
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    model = LookalikeModel(width, Lookalike(hidden_dim=width)).eval()
    centroids = random.normal(size=(items, CLUSTERS, width)).astype(np.float32)
    return export_weights(model), centroids, random.integers(1, 500, (items, CLUSTERS)).astype(np.int32)


def _contest(width: int, users: int) -> Contest:
    scorer = Scorer(*random_scorer(width, ITEMS))
    raw = np.random.default_rng(2).normal(size=(users, width)).astype(np.float32)
    unit, bias = scorer.targets(raw)
    return Contest(
        f"h{width}",
        lambda: scorer.score(unit, bias),
        {"products": lambda: products(scorer, unit), "loop": lambda: loop(scorer, unit)},
        users * ITEMS,
    )


def products(scorer: Scorer, unit: NDArray[np.float32]) -> None:
    """The logits and the dot products of all users with all centroids, thrown away."""
    logits, dots = scorer.local_exponents.T.contiguous(), scorer.local_dots.T.contiguous()  # (h, items · k)
    out = torch.empty(2, BLOCK, logits.shape[1])
    for part in torch.split(torch.from_numpy(unit), BLOCK):
        torch.mm(part, logits, out=out[0][: len(part)])
        torch.mm(part, dots, out=out[1][: len(part)])


def loop(scorer: Scorer, unit: NDArray[np.float32]) -> torch.Tensor:
    """Local attention item by item: softmax over the centroids, their weighted sum, its cosine."""
    users, found = torch.from_numpy(unit), []
    logits = math.log(2.0) * scorer.local_exponents.view(scorer.items, scorer.k, -1)
    for item in range(scorer.items):
        weights = (users @ logits[item].T).softmax(dim=1)
        local = F.normalize(weights @ scorer.weighted[item], dim=1)
        common = users @ scorer.global_embeddings[item]
        found.append(scorer.alpha * common + scorer.beta * (users * local).sum(dim=1))
    return torch.stack(found, dim=1)
