"""The user model judged by itself: what users act on after A1, ranked by each merge layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events
from jobs.steps.user_model.training import folder, merges
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.config import Merge
from ralm.evaluation.array_metrics import user_precision_recall
from ralm.features.hashing import uniform
from ralm.features.samples import user_positives
from ralm.report.data import UserModelRow
from ralm.runs.step import RunningStep
from ralm.training.checkpoints import load_user_model

# Users ranked over the whole vocabulary on the driver: users x items scores, one block at a time.
SAMPLED_USERS = 5_000
BLOCK = 250
TOP = 10


@dataclass(frozen=True)
class _Sample:
    """Users of a label window: `embeddings` (users, d) of each merge layer, `positives` (users, P) 0-padded, `weak`."""

    embeddings: dict[Merge, NDArray[np.float32]]
    positives: NDArray[np.int64]
    weak: NDArray[np.bool_]


def user_model_rows(step: RunningStep) -> list[UserModelRow]:
    """Precision@10, recall@10 and AUC of every user model, for all users and for weak users.

    Fields are as of A1, what is predicted lies in [A1, A2). AUC: a positive against an item drawn by its frequency
    rank, as in training.
    """
    rows = []
    context = step.context
    for position, representation in enumerate(context.config.user_model.representations):
        sample = _sample(step, representation)
        if len(sample.weak):
            for merge in merges(context):
                rows += _judge(step, merge, representation, position, sample)
    return rows


def _sample(step: RunningStep, representation: str) -> _Sample:
    context, config, dates = step.context, step.context.config, step.context.dates
    sizes = load_sizes(context)
    positives = user_positives(
        known_events(step),
        current_vocabulary(step, sizes),
        representation,
        dates.a1,
        dates.a2,
        config.user_samples,
        config.seed,
    )
    for merge in merges(context):
        embeddings = step.at("user_embeddings", as_of=dates.a1, model_version=model_version(context, merge))
        positives = positives.join(embeddings.select("user_id", F.col("embedding").alias(merge)), "user_id")
    fields = step.at("user_fields", as_of=dates.a1, vocabulary_version=sizes.version)
    strong = F.col(f"history_{config.fields.strong_domain}")
    table = (
        positives.join(fields.select("user_id", (F.get(strong, F.lit(0)) == 0).alias("weak")), "user_id")
        .orderBy(uniform("judged user", config.seed, "user_id"))
        .limit(SAMPLED_USERS)
        .select(*merges(context), "positives", "weak")
        .toArrow()
    )
    found = table.column("positives").to_pylist()
    width = max((len(p) for p in found), default=1)
    padded = np.array([p + [0] * (width - len(p)) for p in found], dtype=np.int64).reshape(len(found), width)
    flat = {merge: table.column(merge).combine_chunks().flatten().to_numpy() for merge in merges(context)}
    return _Sample(
        {merge: values.reshape(len(found), -1).astype(np.float32) for merge, values in flat.items()},
        padded,
        table.column("weak").to_numpy(zero_copy_only=False).astype(bool),
    )


def _judge(step: RunningStep, merge: Merge, representation: str, position: int, sample: _Sample) -> list[UserModelRow]:
    config = step.context.config.user_model
    model = load_user_model(folder(step.context, merge, representation))
    part = sample.embeddings[merge][:, position * config.user_dim : (position + 1) * config.user_dim]
    items = model.items.weight.detach()[1:]  # (items, user_dim), by rank
    bias = model.item_bias.weight.detach()[1:, 0]  # (items,)
    count = len(items)
    rank = torch.arange(count, dtype=torch.float64)
    share = (torch.log((rank + 2) / (rank + 1)) / np.log(count + 1)).float()  # of the negatives
    # Sampled softmax learns log(probability / sampling rate): add the log of the sampling rate.
    prior = torch.zeros(count) if config.logq else share.log()
    tops, areas = [], []
    with torch.inference_mode():
        for start in range(0, len(part), BLOCK):
            scores = torch.from_numpy(part[start : start + BLOCK]) @ items.T + bias  # (block, items)
            top = torch.topk(scores + prior, min(TOP, count), dim=1).indices + 1
            tops.append(np.pad(top.numpy(), ((0, 0), (0, TOP - top.shape[1]))))
            areas += _areas(scores, share, sample.positives[start : start + BLOCK])
    area = np.array(areas)
    precision, recall = user_precision_recall(np.concatenate(tops), sample.positives, TOP)
    groups = {"all": np.ones(len(area), dtype=bool), "weak": sample.weak, "strong": ~sample.weak}
    return [
        UserModelRow(
            merge,
            name,
            int(chosen.sum()),
            TOP,
            float(precision[chosen].mean()),
            float(recall[chosen].mean()),
            float(np.nanmean(area[chosen])),
            representation,
        )
        for name, chosen in groups.items()
        if chosen.any()
    ]


def _areas(scores: torch.Tensor, share: torch.Tensor, positives: NDArray[np.int64]) -> list[float]:
    """For each user, the mean chance that a positive scores above a non-positive item drawn by frequency."""
    areas = []
    for row, wanted in zip(scores, positives, strict=True):
        own = torch.from_numpy(wanted[wanted > 0] - 1)
        weights = share.clone()
        weights[own] = 0.0
        order = torch.argsort(row)
        cumulative = torch.cumsum(weights[order], dim=0)
        below = torch.searchsorted(row[order].contiguous(), row[own].contiguous())
        won = torch.where(below > 0, cumulative[(below - 1).clamp(min=0)], torch.zeros(()))
        areas.append(float((won / cumulative[-1]).mean()) if cumulative[-1] > 0 else float("nan"))
    return areas
