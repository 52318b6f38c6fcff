"""The released model for MLflow: a row is a user's vector and an item, its prediction the published score.

MLflow runs this file when the model is loaded ("models from code"): nothing of it is pickled. Beside MLflow it needs
numpy, pandas and lmdb; the package `ralm` travels with the model.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.records import UserRecord
from ralm.serving.scorer import Scorer


class PairModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Scores pairs by the items that were released; the users' vectors come with the pairs."""

    def load_context(self, context: Any) -> None:
        """Open the items of the release, an LMDB file beside the model."""
        self.scorer = Scorer(LmdbStore(context.artifacts["items"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.Series:
        """The published score of each row, NaN for an item that the release does not have.

        Args:
            context: not used.
            model_input: a frame with `embedding` and `bias`, as in `target_embeddings`, and `item_id`. Rows of a user
                that follow each other are scored at once.
            params: not used.
        """
        vectors = np.stack([np.asarray(vector, np.float32) for vector in model_input["embedding"]])  # (n, h [+ d])
        bias = model_input["bias"].to_numpy(np.float64)
        items = model_input["item_id"].astype(str).to_list()
        same = (vectors[1:] == vectors[:-1]).all(axis=1) & (bias[1:] == bias[:-1])
        starts = [0, *(np.flatnonzero(~same) + 1).tolist(), len(items)]
        scores = np.empty(len(items))
        for first, last in pairwise(starts):
            user = UserRecord(float(bias[first]), vectors[first])
            scores[first:last] = self.scorer.score_vector(user, items[first:last]).scores
        return pd.Series(scores, index=model_input.index, name="score")


mlflow.models.set_model(PairModel())
