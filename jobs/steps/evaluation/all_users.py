"""Held-out clickers against a sample of all users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.evaluation.judged_impressions import Judged
from ralm.evaluation.first_figure import AMONG_ALL
from ralm.evaluation.metric_names import recall_name
from ralm.evaluation.sampled_auc import sampled_item_auc, sampled_item_recall
from ralm.runs.step import RunningStep
from ralm.simulation.oracle import click_probability

# The oracle has no scorer: each sampled user is paired with each judged item.
ORACLE_PAIRS = 2_000_000


@dataclass(frozen=True)
class UserSample:
    """How a system scores sampled users: `ids` (users,), `scores` (users, items), the items in this order."""

    system: str
    items: Sequence[str]
    ids: NDArray[Any]
    scores: NDArray[np.float64]


def sampled_places(own: DataFrame, ids: NDArray[Any]) -> pd.DataFrame:
    """The rows of the sampled users, with `place`, the user's row in the sample."""
    places = pa.table({"user_id": ids, "place": np.arange(len(ids))})
    return own.join(F.broadcast(own.sparkSession.createDataFrame(places)), "user_id").toPandas()


def areas(
    items: Sequence[str],
    held_out: pd.DataFrame,
    sample: NDArray[np.float64],
    known: NDArray[np.bool_],
    metric: str,
    share: float | None = None,
) -> pd.DataFrame:
    """(item_id, segment, metric, value): the AUC against the sample, or the recall in a share; NaN where there is none.

    Args:
        items: in the order of the sample.
        held_out: item_index, weak, score; segments are all, weak and strong users.
        sample: (users, items) scores of sampled users.
        known: (users, items) whether a sampled user clicked the item; such users are not compared with.
        metric: its name.
        share: of the recall; None: the AUC.
    """
    value = sampled_item_auc if share is None else partial(sampled_item_recall, share=share)
    groups = {"all": held_out, "weak": held_out[held_out["weak"]], "strong": held_out[~held_out["weak"]]}
    parts = []
    for segment, rows in groups.items():
        found = value(rows["item_index"].to_numpy(), rows["score"].to_numpy(), sample, known)
        parts.append(pd.DataFrame({"item_id": items, "segment": segment, "metric": metric, "value": found}))
    return pd.concat(parts, ignore_index=True)


def all_users_values(
    step: RunningStep, judged: Judged, scored: DataFrame, samples: Sequence[UserSample]
) -> pd.DataFrame:
    """(system, item_id, segment, metric, value): every system's held-out clickers against sampled users.

    Args:
        step: the running evaluation.
        judged: what is judged.
        scored: (system, item_id, label, weak, score), at most `evaluation.max_impressions` pairs per system.
        samples: of the look-alike models; popularity, activity and the oracle score the users of the first.
    """
    ids = samples[0].ids
    held_out = scored.where("label = 1").select("system", "item_id", "weak", "score").toPandas()
    own = judged.labels.select("item_id", "user_id").unionByName(judged.earlier).distinct()
    clicked = sampled_places(own, ids)
    share = step.context.config.scoring.audience.top_fraction
    parts = []
    for sample in (*samples, *_baseline_samples(step, judged, ids)):
        rows = held_out[held_out["system"] == sample.system]
        index = {item: place for place, item in enumerate(sample.items)}
        rows = rows.assign(item_index=rows["item_id"].map(index)).dropna(subset=["item_index", "score"])
        known = _known(clicked, ids, sample, index)
        found = [areas(sample.items, rows, sample.scores, known, AMONG_ALL)]
        if sample.system == "oracle":
            found.append(areas(sample.items, rows, sample.scores, known, recall_name(share), share))
        parts += [part.assign(system=sample.system) for part in found]
    values: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return values.dropna(subset=["value"])


def _known(clicked: pd.DataFrame, ids: NDArray[Any], sample: UserSample, index: dict[str, int]) -> NDArray[np.bool_]:
    """(users, items) of the sample. Two models' samples hold the same users, in their own orders."""
    known = np.zeros(sample.scores.shape, dtype=bool)
    users = pd.Index(sample.ids).get_indexer(ids[clicked["place"].to_numpy()])
    items = clicked["item_id"].map(index).fillna(-1).to_numpy(dtype=int)
    there = (users >= 0) & (items >= 0)
    known[users[there], items[there]] = True
    return known


def _baseline_samples(step: RunningStep, judged: Judged, ids: NDArray[Any]) -> list[UserSample]:
    items, config = judged.all_items, step.context.config
    shape = (len(ids), len(items))
    clicks = {row["item_id"]: float(row["clicks"]) for row in judged.popularity.collect()}  # a number per item
    popular = np.broadcast_to(np.array([clicks[item] for item in items]), shape)
    counted = sampled_places(judged.activity, ids)
    events = np.zeros(len(ids))
    events[counted["place"]] = counted["events"]
    active = np.broadcast_to(events[:, None], shape)
    samples = [UserSample("popularity", items, ids, popular), UserSample("user_activity", items, ids, active)]
    if config.simulate is not None:
        some = ids[: max(1, ORACLE_PAIRS // len(items))]
        spark = step.context.spark
        users = spark.createDataFrame(pa.table({"user_id": some, "place": np.arange(len(some))}))
        named = spark.createDataFrame(list(enumerate(items)), "item_index int, item_id string")
        pairs = click_probability(users.crossJoin(F.broadcast(named)), config.simulate, config.seed).toPandas()
        truth = np.zeros((len(some), len(items)))
        truth[pairs["place"], pairs["item_index"]] = pairs["click_probability"]
        samples.append(UserSample("oracle", items, some, truth))
    return samples
