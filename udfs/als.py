"""ALS vectors in Arrow UDFs: users from their histories, the Gram matrix of all users, items from their seeds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import column, list_array, matrix
from ralm.baselines.als_model import als_arrays, read_als
from ralm.baselines.fold_in import Doubles, closed_form, fold_in, gram_of
from udfs.shapes import Batches, BatchUdf, GroupUdf


def user_factors(model_folder: str, batch: pa.RecordBatch) -> NDArray[np.float32]:
    """The factors (n, f) of rows of `user_fields` (the histories); zeros for a user without a known feature."""
    model = read_als(model_folder)
    factors, gram = als_arrays(model_folder)
    sets = model.space.matrix(batch)  # (n, features)
    return fold_in(factors, sets, gram, model.settings.alpha, model.settings.regularisation).astype(np.float32)


def fold_in_users(model_folder: str, user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over `user_fields` (user_id and the histories): the factor of every user.

    Args:
        model_folder: of a fitted ALS, on storage that all workers mount.
        user_id_type: 'string' or 'bigint'.

    Returns:
        Rows (user_id, embedding array<float>); zeros for a user without a known feature. In the workers,
        MissingInputError where the model cannot be reached.
    """
    read_als(model_folder)  # fail at once, on the driver, if it is missing

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found = list_array(user_factors(model_folder, batch))
            yield pa.record_batch([column(batch, "user_id"), found], ["user_id", "embedding"])

    return BatchUdf(run, f"user_id {user_id_type}, embedding array<float>")


def partial_grams(width: int) -> BatchUdf:
    """For `mapInArrow` over users (embedding array<float> of `width`): one row per partition that has users.

    Returns:
        Rows (sums array<double>, width² + 1): Σ x x' flat, then the number of users; sum them over the rows.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        gram, count = np.zeros((width, width)), 0
        for batch in batches:
            gram += gram_of(matrix(batch, "embedding", width))
            count += batch.num_rows
        if count:
            yield pa.record_batch([list_array(np.append(gram, count)[None])], ["sums"])

    return BatchUdf(run, "sums array<double>")


def fold_in_items(gram: Doubles, alpha: float, regularisation: float) -> GroupUdf:
    """For `groupBy("item_index").applyInArrow` over seeds (item_index, embedding): the vector of every item.

    Args:
        gram: X'X (f, f) of all users.
        alpha: confidence of an interaction is 1 + α.
        regularisation: λ, per interaction.

    Returns:
        Rows (item_index int, vector array<double>, seeds bigint): `seeds` is the number of seeds with a nonzero factor;
        the others have no effect.
    """

    def run(group: pa.Table) -> pa.Table:
        vectors = matrix(group, "embedding", len(gram)).astype(np.float64)  # (seeds, f)
        known = vectors[vectors.any(axis=1)]
        count = np.array([len(known)])
        vector = closed_form(gram, gram_of(known)[None], known.sum(axis=0)[None], count, alpha, regularisation)
        return pa.table(
            {"item_index": column(group, "item_index").slice(0, 1), "vector": list_array(vector), "seeds": count}
        )

    return GroupUdf(run, "item_index int, vector array<double>, seeds bigint")
