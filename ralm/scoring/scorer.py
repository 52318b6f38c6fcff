"""The look-alike score of many users against many items as matrix products.

With U the users' unit embeddings, E the items' unit centroids and n their shares of the seeds, P = (E W) Uᵀ holds
every local attention logit (but for ln n) and Q = (n E) Uᵀ every dot product. With w = exp(P) of one item and user,
cos(e, E_local) = Σ_j w_j Q_j / sqrt(wᵀ G w), where G = (n E_i)(n E_i)ᵀ: the softmax's denominator cancels and E_local
is never built. An absent centroid is a row of zeros, so it adds nothing to either sum and needs no mask. The logits are
kept over ln 2: exp(P) is then 2^(P / ln 2), which torch computes more than twice as fast.

With the closed form (`ralm.models.plda`), a user's target embedding is [unit embedding (h), coordinates (d)], and one
more product of the coordinates with the items' directions is added, in double precision. Where validation kept nothing
but the closed form, that product is all.

Users are the last axis, so that everything except the products runs along contiguous memory. Few items at a time are
multiplied with a block of users, so that P and Q stay in a core's cache.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ralm.arrow.arrays import matrix, scalars
from ralm.models.item_classifier import ItemClassifier
from ralm.models.plda import PREFIX, Plda, seed_means
from ralm.scoring.contract import BLOCK, Arrays, BatchScorer, ScorerState
from ralm.scoring.kmeans import Floats, Ints

# exp(2 · 20) and its sums stay far inside float32; larger logits have their maximum subtracted, at the cost of a pass.
SAFE_LOGIT = 20.0
SMALLEST = 1e-30
# Centroids per product: many share the cost of a call, and three matrices of 400 rows x 512 users still fit in 2.5 MB.
CENTROIDS_PER_PRODUCT = 400
WEIGHTS = "weights."


def published(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scores as they are published: float64, rounded to 1e-6.

    Products differ in their last bits with the shape of the block; cuts and ties are decided after the rounding.
    """
    # Adding zero turns -0.0 into 0.0: one score must not have two values.
    return np.asarray(np.round(scores.astype(np.float64), 6) + 0.0, dtype=np.float64)


def lookalike_state(weights: Mapping[str, NDArray[Any]], centroids: Floats, sizes: Ints | Floats) -> ScorerState:
    """A look-alike model and the clusters of its items, as they are sent to workers; arguments as in `Scorer`."""
    arrays = {f"{WEIGHTS}{name}": np.asarray(value) for name, value in weights.items()}
    kind = np.float32 if np.issubdtype(np.asarray(sizes).dtype, np.floating) else np.int32  # floats: weighted seeds
    arrays |= {"centroids": np.asarray(centroids, np.float32), "sizes": np.asarray(sizes, kind)}
    return ScorerState(Scorer, arrays)


class Scorer(BatchScorer):
    """RALM: scores target users by local and global attention over the clusters of an item's seeds.

    Args:
        weights: name -> array, as `ralm.models.weights.export_weights` gives them (formulas there).
        centroids: (items, k, d), raw.
        sizes: (items, k); 0 is absent.
        block: users per matrix product.

    Raises:
        ValueError: the shapes do not fit each other.

    Example:
        >>> scorer = Scorer(weights, centroids, sizes)  # doctest: +SKIP
        >>> scores = published(scorer.score(*scorer.targets(embeddings)))  # (users, items)  # doctest: +SKIP
    """

    columns = ("bias", "embedding")

    def __init__(
        self, weights: Mapping[str, NDArray[Any]], centroids: Floats, sizes: Ints | Floats, *, block: int = BLOCK
    ) -> None:
        tower_weight = np.asarray(weights["tower_weight"])
        if centroids.ndim != 3 or sizes.shape != centroids.shape[:2] or centroids.shape[2] != tower_weight.shape[1]:
            raise ValueError(
                f"scorer: centroids (items, k, {tower_weight.shape[1]}) and sizes (items, k) expected, "
                f"found {centroids.shape} and {sizes.shape}"
            )
        self.block = block
        self.items = len(centroids)
        self.weights = {
            name: torch.from_numpy(np.array(value, dtype=np.float32))
            for name, value in weights.items()
            if name != "pooling"
        }
        self.average = str(weights["pooling"]) == "average"
        self.width = len(tower_weight)  # h
        self.alpha, self.beta = float(weights["alpha"]), float(weights["beta"])
        self.directions = closed_directions(weights, centroids, sizes)  # (I, d or 0)
        raw = torch.from_numpy(np.array(centroids, dtype=np.float32))  # (I, k, d)
        members = torch.from_numpy(np.array(sizes, dtype=np.float32))  # (I, k)
        if self.average:
            total = members.sum(dim=1, keepdim=True)  # (I, 1)
            raw = (torch.einsum("ik,ikd->id", members, raw) / total.clamp(min=1.0)).unsqueeze(1)
            members = total
        present = (members > 0).unsqueeze(-1)  # (I, k, 1)
        self.absent = members <= 0  # (I, k)
        self.k = raw.shape[1]
        self.centroids = self._tower(raw) * present  # (I, k, h), unit length, zeros where absent
        self.shares = members / members.sum(dim=1, keepdim=True).clamp(min=1.0)  # (I, k)
        self.weighted = self.centroids * self.shares.unsqueeze(-1)  # (I, k, h)
        self.global_embeddings = self._global(self.centroids, self.weighted)  # (I, h)
        self.local_dots = self.weighted.flatten(0, 1)  # (I·k, h)
        logits = self.centroids.flatten(0, 1) @ self.weights["attention_w"]  # (I·k, h)
        self.local_exponents = logits / math.log(2.0)
        self.gram = self.weighted @ self.weighted.transpose(1, 2)  # (I, k, k)
        bound = float(logits.norm(dim=1).max()) if self.items else 0.0
        self.subtract_maximum = bound > SAFE_LOGIT

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> Scorer:
        """The scorer of `lookalike_state`."""
        weights = {name.removeprefix(WEIGHTS): value for name, value in arrays.items() if name.startswith(WEIGHTS)}
        return cls(weights, arrays["centroids"], arrays["sizes"], block=block)

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> Floats:
        """Scores (n, items) of rows of `target_embeddings`."""
        return self.score(*self._columns(users))

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> Floats:
        """Scores (n,) of rows of `target_embeddings`, each with one item."""
        return self.pairs(*self._columns(users), item)

    def _columns(self, users: pa.RecordBatch | pa.Table) -> tuple[Floats, Floats]:
        return matrix(users, "embedding", self.width + self.directions.shape[1]), scalars(users, "bias")

    def _tower(self, raw: Tensor) -> Tensor:
        hidden = raw @ self.weights["tower_weight"].T + self.weights["tower_bias"]
        return F.normalize(torch.where(hidden >= 0, hidden, self.weights["prelu"] * hidden), dim=-1)

    def _global(self, centroids: Tensor, weighted: Tensor) -> Tensor:
        if self.average:
            return centroids[:, 0]
        logits = torch.tanh(centroids @ self.weights["global_v1"].T) @ self.weights["global_v2"]  # (I, k)
        shifted = (logits - logits.amax(dim=1, keepdim=True)).exp().unsqueeze(-1)  # (I, k, 1)
        return F.normalize((shifted * weighted).sum(dim=1), dim=-1)

    def targets(self, raw: Floats) -> tuple[Floats, Floats]:
        """As `targets`, with the scorer's own weights."""
        return targets(self.weights, raw)

    def score(self, unit: Floats, bias: Floats) -> Floats:
        """Scores of every user with every item, not yet rounded.

        Args:
            unit: (n, h), with the closed form (n, h + d), from `targets`.
            bias: (n,), from `targets`.

        Returns:
            (n, items), float32.
        """
        scores = np.empty((len(unit), self.items), np.float32)
        for start in range(0, len(unit), self.block):
            part = slice(start, start + self.block)
            found = np.asarray(bias[part], np.float32)[:, None] + self._alike(unit[part, : self.width])
            scores[part] = found + self._closed(unit[part])
        return scores

    def _alike(self, unit: Floats) -> Floats:
        """Every item's similarity to users (b, h): (b, items)."""
        if not self.alpha and not self.beta:
            return np.zeros((len(unit), self.items), np.float32)
        columns = torch.from_numpy(np.array(unit, dtype=np.float32)).T.contiguous()
        found: Floats = self._similarity(columns).numpy().T
        return found

    def _closed(self, unit: Floats) -> NDArray[Any]:
        """The closed form's part of the scores (b, items)."""
        if not self.directions.shape[1]:
            return np.zeros((), np.float32)
        found: NDArray[np.float64] = np.asarray(unit[:, self.width :], np.float64) @ self.directions.T
        return found

    def _similarity(self, columns: Tensor) -> Tensor:
        """Every item's similarity (I, b) to users given as unit columns (h, b)."""
        common = self.global_embeddings @ columns  # (I, b)
        if self.average:
            return common.mul_(self.alpha + self.beta)
        local = torch.empty_like(common)
        step = max(1, min(self.items, CENTROIDS_PER_PRODUCT // self.k))
        buffers = torch.empty(3, step * self.k, columns.shape[1])
        for start in range(0, self.items, step):
            self._local(columns, slice(start, min(self.items, start + step)), buffers, local)
        return common.mul_(self.alpha).add_(local, alpha=self.beta)

    def _local(self, columns: Tensor, items: slice, buffers: Tensor, local: Tensor) -> None:
        """cos(e_u, E_local) of all users (h, b) with some items, into the items' rows of `local` (I, b)."""
        count, k = items.stop - items.start, self.k
        rows = slice(items.start * k, items.stop * k)
        weights, dots, gram = (buffer[: count * k] for buffer in buffers)  # each (i·k, b)
        by_item = (count, k, columns.shape[1])
        torch.mm(self.local_exponents[rows], columns, out=weights)
        w = weights.view(by_item)
        if self.subtract_maximum:
            # Absent centroids have logit 0, which may be the maximum. All weights of present centroids could then
            # vanish, so the maximum is taken over present centroids only.
            w.masked_fill_(self.absent[items].unsqueeze(2), float("-inf"))
            w -= w.amax(dim=1, keepdim=True).nan_to_num_(neginf=0.0)
        weights.exp2_()
        torch.mm(self.local_dots[rows], columns, out=dots)
        numerator = dots.mul_(weights).view(by_item).sum(dim=1)  # (i, b)
        torch.bmm(self.gram[items], w, out=gram.view(by_item))
        squared = torch.sum(gram.mul_(weights).view(by_item), dim=1, out=local[items])  # (i, b)
        squared.clamp_(min=SMALLEST).rsqrt_().mul_(numerator)

    def pairs(self, unit: Floats, bias: Floats, item: NDArray[np.integer[Any]]) -> Floats:
        """Scores of given pairs, not yet rounded.

        Args:
            unit: (n, h), with the closed form (n, h + d).
            bias: (n,).
            item: (n,), the row of each pair's item.

        Returns:
            (n,), float32.
        """
        scores = np.empty(len(unit), dtype=np.float32)
        for start in range(0, len(unit), self.block):
            part = slice(start, start + self.block)
            users = torch.from_numpy(np.array(unit[part, : self.width], dtype=np.float32))  # (b, h)
            rows = torch.from_numpy(np.array(item[part], dtype=np.int64))  # (b,)
            common = (users * self.global_embeddings[rows]).sum(dim=1)  # (b,)
            if self.average:
                similarity = (self.alpha + self.beta) * common
            else:
                seeds = self.centroids[rows]  # (b, k, h)
                present = seeds.square().sum(dim=2) > 0  # (b, k)
                logits = (seeds @ (users @ self.weights["attention_w"].T).unsqueeze(2)).squeeze(2)  # (b, k)
                shifted = logits.masked_fill(~present, float("-inf"))
                shifted = (shifted - shifted.amax(dim=1, keepdim=True).nan_to_num(neginf=0.0)).exp()
                local = F.normalize((shifted.unsqueeze(1) @ self.weighted[rows]).squeeze(1), dim=-1)  # (b, h)
                similarity = self.alpha * common + self.beta * (users * local).sum(dim=1)
            closed = np.einsum("nd,nd->n", unit[part, self.width :], self.directions[item[part]], dtype=np.float64)
            scores[part] = similarity.numpy() + bias[part] + closed
        return scores


def closed_directions(weights: Mapping[str, Any], centroids: Floats, sizes: Ints | Floats) -> NDArray[np.float64]:
    """The closed form's directions of items times its weight, (items, d); (items, 0) without a closed form.

    Args:
        weights: name -> array, as `ralm.models.weights.export_weights` gives them.
        centroids: (items, k, d), raw.
        sizes: (items, k).
    """
    plda = Plda.of_arrays(weights)
    if plda is None:
        return np.zeros((len(centroids), 0))
    classifier = ItemClassifier.of_arrays(weights, PREFIX)
    classifiers = 0.0 if classifier is None else classifier.directions(centroids, sizes, plda)
    return np.asarray(weights["closed"] * plda.directions(*seed_means(centroids, sizes), classifiers), np.float64)


def tower(weights: Mapping[str, Any], raw: Floats) -> Floats:
    """Raw embeddings (n, d) through the tower that users and seeds share: unit embeddings (n, h), float32."""
    weight, offset, slope = (
        torch.as_tensor(np.asarray(weights[name], np.float32)) for name in ("tower_weight", "tower_bias", "prelu")
    )
    hidden = torch.from_numpy(np.array(raw, dtype=np.float32)) @ weight.T + offset
    unit: Floats = F.normalize(torch.where(hidden >= 0, hidden, slope * hidden), dim=-1).numpy()
    return unit


def target_width(weights: Mapping[str, Any]) -> int:
    """The width of a target embedding: h, with the closed form h + d."""
    h, d = np.shape(weights["tower_weight"])
    return int(h + d) if f"{PREFIX}mean" in weights else int(h)


def targets(weights: Mapping[str, Any], raw: Floats) -> tuple[Floats, Floats]:
    """Raw embeddings as scorers read them, without any items.

    Args:
        weights: name -> array, as `ralm.models.weights.export_weights` gives them.
        raw: (n, d).

    Returns:
        Target embeddings and biases (n,), float32. A target embedding is the unit embedding (h) and, with the closed
        form, the user's coordinates after it (h + d).
    """
    plda = Plda.of_arrays(weights)
    parts = [tower(weights, raw)]
    if plda is not None:
        parts.append(plda.coordinates(np.asarray(raw, np.float64)).astype(np.float32))
    bias: Floats = np.asarray(raw, np.float32) @ np.asarray(weights["bias_weight"], np.float32)
    return np.concatenate(parts, axis=1), bias
