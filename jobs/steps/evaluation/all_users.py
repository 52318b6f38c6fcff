"""Held-out clickers against a sample of all users."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import functions as F

from jobs.steps.evaluation.comparison_pairs import Cell
from ralm.evaluation.sampled_auc import sampled_item_auc


def against_all(
    cell: Cell, held_out: pd.DataFrame, ids: NDArray[Any], sample: NDArray[np.float64], metric: str
) -> pd.DataFrame:
    """(item_id, segment, metric, value): each item's AUC against the sampled users; NaN where there is none.

    Args:
        cell: what is judged.
        held_out: item_index, weak, score; segments are all, weak and strong users.
        ids: (users,) of sampled users.
        sample: (users, items) their scores.
        metric: its name.
    """
    known = _known(cell, ids)
    groups = {"all": held_out, "weak": held_out[held_out["weak"]], "strong": held_out[~held_out["weak"]]}
    parts = []
    for segment, rows in groups.items():
        found = sampled_item_auc(rows["item_index"].to_numpy(), rows["score"].to_numpy(), sample, known)
        parts.append(pd.DataFrame({"item_id": cell.items, "segment": segment, "metric": metric, "value": found}))
    return pd.concat(parts, ignore_index=True)


def _known(cell: Cell, ids: NDArray[Any]) -> NDArray[np.bool_]:
    """(users, items) whether a sampled user belongs to the item (clicked it); such users are not compared with."""
    own = cell.held_out.select("item_index", "user_id").unionByName(cell.seed_half.select("item_index", "user_id"))
    places = own.sparkSession.createDataFrame(pa.table({"user_id": ids, "place": np.arange(len(ids))}))
    found = own.join(F.broadcast(places), "user_id").toPandas()
    known = np.zeros((len(ids), len(cell.items)), dtype=bool)
    known[found["place"], found["item_index"]] = True
    return known
