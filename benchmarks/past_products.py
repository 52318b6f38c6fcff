"""`python -m benchmarks.past_products --config FILE`: could exact scoring go past the rate of its two products?

On the trained targets and clusters of a warehouse (after `cluster_seeds`), one thread, two ideas:

shortlist   products in bfloat16 (AMX where the processor has it) give approximate scores; whoever comes within their
            error of the cut is scored again in float32. Measured: the rate beside the float32 kernel's, and the error.
pruning     users in cells; a cell whose best possible score is below an item's cut is skipped for that item. Measured:
            the share of (cell, item) pairs that a bound skips, and the share that the best of all bounds would skip,
            which knows the best score in the cell.

Both at the top 5 %, 1 % and 0.1 %. The last line is one JSON object.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from jobs.cli.arguments import parse
from jobs.steps.lookalike.clustering import centroid_arrays
from jobs.steps.lookalike.variants import lookalike_folder, lookalike_version
from jobs.steps.seeds.item_seeds import PURPOSES
from ralm.features.hashing import chosen
from ralm.runs.context import Context
from ralm.scoring.kmeans import single_thread
from ralm.scoring.scorer import Scorer
from ralm.spark.session import get_session
from ralm.training.checkpoints import load_weights

SYSTEM, PURPOSE = "ralm", "production"
USERS, ITEMS, BLOCK, USERS_PER_CELL = 200_000, 100, 8_192, 100
TOPS = (0.05, 0.01, 0.001)
REPETITIONS = 5
# Rounding to bfloat16 changes a number by 2^-9 of itself at most, and a product of two of them by 2^-8.
ROUNDING = 2.0**-8

Floats = NDArray[np.float32]


def main(arguments: list[str]) -> int:
    """Try both on the tables of a configuration."""
    scorer, unit, bias = trained(arguments)
    with single_thread():
        scores = scorer.score(unit, bias)
        cuts = {top: np.quantile(scores, 1 - top, axis=0).astype(np.float32) for top in TOPS}
        found = {
            "name": "past_products",
            "users": len(unit),
            "items": scorer.items,
            "shortlist": shortlist(scorer, unit, bias, scores, cuts),
            "pruning": pruning(scorer, unit, bias, scores, cuts),
        }
    print(json.dumps(found))
    return 0


def trained(arguments: list[str]) -> tuple[Scorer, Floats, Floats]:
    """The scorer of up to 100 items, and up to 200,000 target users (n, h) with their biases (n,)."""
    config = parse(__doc__ or "", arguments).config
    spark = get_session("benchmark past_products", config.spark)
    try:
        context = Context(spark, config)
        version, date = lookalike_version(context, SYSTEM), context.dates[PURPOSES[PURPOSE]]
        at = {"as_of": date, "model_version": version}
        clusters, users = (
            context.warehouse.read(name).where(" AND ".join(f"{key} = '{value}'" for key, value in keys.items()))
            for name, keys in (("seed_clusters", at | {"purpose": PURPOSE}), ("target_embeddings", at))
        )
        items, arrays = centroid_arrays(clusters)
        share = min(1.0, USERS / users.count())
        table = users.where(chosen("past products", 1, share, "user_id")).select("bias", "embedding").toArrow()
    finally:
        spark.stop()
    drawn = np.random.default_rng(1).permutation(len(items))[:ITEMS]
    scorer = Scorer(load_weights(lookalike_folder(context, SYSTEM)), arrays["centroids"][drawn], arrays["sizes"][drawn])
    unit = table.column("embedding").combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    return scorer, unit, table.column("bias").to_numpy()


def shortlist(scorer: Scorer, unit: Floats, bias: Floats, scores: Floats, cuts: dict[float, Floats]) -> dict[str, Any]:
    """Rates in a turn, float32 kernel and shortlist with its second scoring, and how far the first scores are off."""
    with bfloat16_products():
        error = float(np.abs(scorer.score(unit, bias) - scores).max())
    users, added = unit[:BLOCK], bias[:BLOCK]
    result: dict[str, Any] = {
        "error": error,
        "logit_error_bound": ROUNDING * math.log(2.0) * scorer.local_exponents.norm(dim=1).max().item(),
    }
    for top, cut in cuts.items():
        runs: dict[str, Callable[[], object]] = {
            "float32": lambda: scorer.score(users, added),
            "bfloat16": lambda: _approximate(scorer, users, added),
            "shortlist": lambda cut=cut: scored_again(scorer, users, added, cut, error),  # type: ignore[misc]
        }
        times = interleaved(runs)
        exact = scorer.score(users, added) >= cut
        result[f"top {top:g}"] = {
            "scored_again": float((_approximate(scorer, users, added) >= cut - error).mean()),
            "same": bool(np.array_equal(scored_again(scorer, users, added, cut, error) >= cut, exact)),
            **{f"{name} ÷ float32": times["float32"] / seconds for name, seconds in times.items()},
        }
        print(f"shortlist, top {top:g}: {result[f'top {top:g}']}", flush=True)
    return result


def _approximate(scorer: Scorer, unit: Floats, bias: Floats) -> Floats:
    with bfloat16_products():
        return scorer.score(unit, bias)


def scored_again(scorer: Scorer, unit: Floats, bias: Floats, cut: Floats, error: float) -> Floats:
    """Scores (n, items): exact in float32 for all that may reach the cut, approximate below it."""
    scores = _approximate(scorer, unit, bias)
    users, alpha, beta = torch.from_numpy(unit), scorer.alpha, scorer.beta
    for item in range(scorer.items):
        near = np.flatnonzero(scores[:, item] >= cut[item] - error)
        if not len(near):
            continue
        columns = users[torch.from_numpy(near)].T.contiguous()  # (h, m)
        local = torch.empty(scorer.items, len(near))
        buffers = torch.empty(3, scorer.k, len(near))
        scorer._local(columns, slice(item, item + 1), buffers, local)
        common = scorer.global_embeddings[item] @ columns
        scores[near, item] = (alpha * common + beta * local[item]).numpy() + bias[near]
    return scores


@contextmanager
def bfloat16_products() -> Iterator[None]:
    """Products of float32 matrices with their entries rounded to bfloat16, sums in float32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def interleaved(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, in turn after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(-1, REPETITIONS):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if repetition >= 0:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def pruning(scorer: Scorer, unit: Floats, bias: Floats, scores: Floats, cuts: dict[float, Floats]) -> dict[str, Any]:
    """Shares of all pairs in (cell, item) pairs that cannot reach the cut: by the bound, and with the best of all."""
    count = max(1, len(unit) // USERS_PER_CELL)
    cells = faiss.Kmeans(unit.shape[1], count, niter=10, seed=1, spherical=True, max_points_per_centroid=100)
    cells.train(unit)
    cell: NDArray[np.int64] = cells.index.search(unit, 1)[1][:, 0].astype(np.int64)
    size = np.bincount(cell, minlength=count)  # (cells,)
    best, most_bias = np.full((count, scorer.items), -np.inf, dtype=np.float32), np.full(count, -np.inf)
    np.maximum.at(best, cell, scores)
    np.maximum.at(most_bias, cell, bias)
    axes = np.linalg.eigh(unit.T @ unit)[1]  # a box along the main directions is smaller than one along the coordinates
    rotated = unit @ axes
    least, most = np.full((count, unit.shape[1]), np.inf), np.full((count, unit.shape[1]), -np.inf)
    np.minimum.at(least, cell, rotated)
    np.maximum.at(most, cell, rotated)
    filled = size > 0
    box = (least[filled] + most[filled]) / 2, (most[filled] - least[filled]) / 2
    result: dict[str, Any] = {"cells": int(filled.sum()), "users_per_cell": USERS_PER_CELL}
    for top, cut in cuts.items():
        skipped = below(scorer, axes, box, most_bias[filled], cut)
        if (skipped & (best[filled] > cut + 1e-5)).any():
            raise AssertionError("a cell was skipped that holds a user above the cut")
        share = (size[filled, None] * skipped).sum() / scores.size
        limit = (size[:, None] * (best < cut)).sum() / scores.size
        result[f"top {top:g}"] = {"skipped": float(share), "best_of_all_bounds": float(limit)}
        print(f"pruning, top {top:g}: {result[f'top {top:g}']}", flush=True)
    return result


def below(
    scorer: Scorer,
    axes: Floats,
    box: tuple[NDArray[np.float64], NDArray[np.float64]],
    most_bias: NDArray[np.float64],
    cut: Floats,
) -> NDArray[np.bool_]:
    """Where no user of a box (centre c, half widths r along `axes`) can reach the cut of an item: (cells, items).

    A dot product with v is at most c·v + r·|v|. Local attention is E = Σ w_j v_j with w_j = exp(l_j·u), which in the
    box is within exp(± r·|l_j|) of its value at c. |E| ≥ m·E with m the unit vector of E at c, so cos(u, E) < λ, for
    λ > 0, wherever the greatest Σ w_j (u·v_j - λ m·v_j) is below 0; it takes each w_j at one of its two ends.
    """
    centre, width = box
    found = np.zeros((len(centre), scorer.items), dtype=bool)
    common = scorer.global_embeddings.numpy() @ axes
    for item in range(scorer.items):
        rows = slice(item * scorer.k, (item + 1) * scorer.k)
        logits = math.log(2.0) * scorer.local_exponents[rows].numpy() @ axes  # (k, h)
        dots = scorer.local_dots[rows].numpy() @ axes
        weights, spread = np.exp(centre @ logits.T), np.exp(width @ np.abs(logits).T)  # (cells, k)
        most = centre @ dots.T + width @ np.abs(dots).T
        local = weights @ dots  # (cells, h)
        towards = (local / np.linalg.norm(local, axis=1, keepdims=True)) @ dots.T  # (cells, k)
        most_common = centre @ common[item] + width @ np.abs(common[item])
        needed = (cut[item] - most_bias - scorer.alpha * most_common) / scorer.beta  # (cells,)
        gain = most - needed[:, None] * towards
        reach = (weights * np.where(gain > 0, spread, 1 / spread) * gain).sum(axis=1)
        least = (weights * np.where(towards > 0, 1 / spread, spread) * towards).sum(axis=1)  # of m·E
        found[:, item] = (needed > 1) | ((needed > 0) & (least > 0) & (reach < 0))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
