"""Losses of both models."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def candidates(positives: Tensor, negatives: Tensor) -> Tensor:
    """Each positive followed by its negatives.

    Args:
        positives: (rows, P) item indices, 0 is padding.
        negatives: (rows, n·P), flat: those of positive j at [n·j, n·(j+1)).

    Returns:
        (rows, P, 1 + n); position 0 of the last axis is the positive.
    """
    grouped = negatives.reshape(*positives.shape, -1)  # (rows, P, n)
    return torch.cat([positives.unsqueeze(-1), grouped], dim=-1)


def log_uniform_log_probability(indices: Tensor, item_count: int) -> Tensor:
    """log p of the sampler: p(rank k) = [log(k+2) - log(k+1)] / log(D+1), k = index - 1.

    Args:
        indices: vocabulary indices from 1 (most frequent) to D; 0 (padding) gives the value of index 1.
        item_count: D.
    """
    rank = (indices - 1).clamp(min=0).to(torch.float64)
    probability = torch.log1p(1.0 / (rank + 1.0)) / torch.log(torch.tensor(item_count + 1.0, dtype=torch.float64))
    return probability.log().float()


def sampled_softmax(logits: Tensor, indices: Tensor, log_probability: Tensor | None = None) -> Tensor:
    """Softmax cross-entropy over one positive and its negatives, mean over the positives that are not padding.

    Args:
        logits: (rows, P, 1 + n), the positive first.
        indices: (rows, P, 1 + n), 0 is padding and is ignored.
        log_probability: of each candidate under the sampler, subtracted from its logit (logQ correction, Bengio and
            Senécal 2008); terms that are equal for all candidates cancel.

    Returns:
        Scalar; 0 if there is no positive.
    """
    if log_probability is not None:
        logits = logits - log_probability
    logits = logits.masked_fill(indices == 0, torch.finfo(logits.dtype).min)
    valid = indices[..., 0] != 0  # (rows, P)
    loss = torch.logsumexp(logits, dim=-1) - logits[..., 0]
    return loss.masked_fill(~valid, 0.0).sum() / valid.sum().clamp(min=1)


def sampled_sigmoid(logits: Tensor, indices: Tensor) -> Tensor:
    """Sigmoid cross-entropy over positives and their negatives, mean over the candidates that are not padding.

    Args:
        logits: (rows, P, 1 + n), the positive first.
        indices: (rows, P, 1 + n), 0 is padding; the negatives of a padding positive are padding.
    """
    labels = torch.zeros_like(logits)
    labels[..., 0] = 1.0
    valid = (indices != 0) & (indices[..., :1] != 0)
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return loss.masked_fill(~valid, 0.0).sum() / valid.sum().clamp(min=1)


def users_softmax(logits: Tensor, valid: Tensor) -> Tensor:
    """Softmax cross-entropy over the users of an item, the clicker first (the talk's multi-class loss).

    Args:
        logits: (positives, 1 + n).
        valid: (positives, 1 + n), boolean; false: a sampled user who also clicked the item.

    Returns:
        Scalar; 0 if there is no positive.
    """
    logits = logits.masked_fill(~valid, torch.finfo(logits.dtype).min)
    loss = torch.logsumexp(logits, dim=1) - logits[:, 0]
    return loss.sum() / max(logits.shape[0], 1)


def sample_users(
    label: Tensor, item: Tensor, count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """For each positive pair of a batch, itself and `count` other pairs whose users serve as negatives.

    Args:
        label: (pairs,), 1 is a click.
        item: (pairs,), item of each pair.
        count: negative users per positive, drawn with replacement from the batch.
        generator: source of the draws, on the CPU; default: torch's own.

    Returns:
        rows (positives,), users (positives, 1 + count), both indices of pairs, and valid (positives, 1 + count):
        false where the drawn pair is a click on the same item.
    """
    rows = torch.nonzero(label > 0.5).flatten()  # (positives,)
    pairs = label.shape[0]
    # A step of 1 … pairs - 1 from the positive never leads back to it.
    steps = torch.randint(1, max(pairs, 2), (rows.shape[0], count), generator=generator).to(rows.device)
    drawn = (rows.unsqueeze(1) + steps) % pairs
    clash = (label[drawn] > 0.5) & (item[drawn] == item[rows].unsqueeze(1))
    users = torch.cat([rows.unsqueeze(1), drawn], dim=1)
    valid = torch.cat([torch.ones_like(clash[:, :1]), ~clash], dim=1)
    return rows, users, valid
