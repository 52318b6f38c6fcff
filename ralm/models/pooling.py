"""Clusters of seeds pooled into one vector: their average, and attention in which every seed counts."""

from __future__ import annotations

import torch
from torch import Tensor


def average_centroids(centroids: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of all seeds as a single cluster.

    Args:
        centroids: (items, k, d), each the mean of its members.
        sizes: (items, k), members per centroid; 0 is absent.

    Returns:
        Centroids (items, 1, d) and sizes (items, 1).
    """
    weights = sizes.to(centroids.dtype)  # (items, k)
    total = weights.sum(dim=1, keepdim=True)  # (items, 1)
    mean = torch.einsum("ik,ikd->id", weights, centroids) / total.clamp(min=1.0)
    return mean.unsqueeze(1), sizes.sum(dim=1, keepdim=True)


def seeds_softmax(logits: Tensor, sizes: Tensor) -> Tensor:
    """Attention over all seeds if the seeds of a cluster share their centroid's logit: n_j exp(z_j) / Σ n_i exp(z_i).

    With equal logits it is the average of the seeds, not of the clusters: small clusters of odd users weigh little.

    Args:
        logits: (..., k).
        sizes: members per cluster, broadcastable to the logits; 0 is absent and weighs nothing.

    Returns:
        (..., k), summing to 1; all zeros if nothing is present.
    """
    present = sizes.expand_as(logits) > 0
    shifted = logits + sizes.clamp(min=1).to(logits.dtype).log()
    # Use the lowest number instead of -inf: a row of only -inf gives NaN, and so does its gradient.
    weights = shifted.masked_fill(~present, torch.finfo(logits.dtype).min).softmax(dim=-1)
    return weights * present
