"""User embeddings and field attention in Arrow UDFs over `user_fields`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ralm.arrow.arrays import column, list_array
from ralm.errors import ConfigError
from ralm.field_specs import UserFields
from ralm.models.user_model import UserModel
from ralm.training.checkpoints import load_user_model
from udfs.als import user_factors
from udfs.interests import user_interests
from udfs.shapes import Batches, BatchUdf

# Users per forward pass, so that the embeddings of their fields stay in the processor's cache.
FORWARD_ROWS = 2_048


def embed_users(
    model_folders: Sequence[str],
    fields: UserFields,
    user_id_type: str,
    interests: str | None = None,
    als_folder: str | None = None,
    activity: bool = False,
) -> BatchUdf:
    """For `mapInArrow` over `user_fields`: the raw embedding of every user, all representations side by side.

    Args:
        model_folders: finished user models, one per representation, in the recorded order.
        fields: what the models were trained on.
        user_id_type: 'string' or 'bigint'.
        interests: the folder of components; users' interest vectors are stacked next to the representations.
        als_folder: a fitted ALS whose user vectors are stacked next to the representations.
        activity: whether `activity_of` the histories is stacked as well.

    Returns:
        Rows (user_id, embedding array<float>). The workers raise MissingInputError if a model cannot be reached,
        ConfigError if it was trained on other fields, DataError for arrays of a wrong length.
    """
    folders = tuple(model_folders)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            parts = [_forward(_model(folder, fields.model_dump_json()), batch, fields) for folder in folders]
            if interests is not None:
                parts.append(user_interests(interests, batch))
            if als_folder is not None:
                parts.append(user_factors(als_folder, batch))
            if activity:
                parts.append(activity_of(batch, fields))
            embeddings = np.concatenate(parts, axis=1)  # (n, d)
            yield pa.record_batch([column(batch, "user_id"), list_array(embeddings)], ["user_id", "embedding"])

    return BatchUdf(run, f"user_id {user_id_type}, embedding array<float>")


def activity_of(batch: pa.RecordBatch, fields: UserFields) -> np.ndarray:
    """log(1 + entries) / 10 of each history, (n, histories) float32.

    Divided by 10, since unlike the rest of an embedding it is not centred: seeds are first clustered by the cosines of
    raw embeddings, which would otherwise all point in its direction.
    """
    counts = [(spec.read(batch) != 0).sum(axis=1) for spec in fields.histories]
    logs: np.ndarray = np.log1p(np.stack(counts, axis=1))
    return (logs / 10.0).astype(np.float32)


def field_attention(model_folder: str, fields: UserFields, user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over `user_fields`: the weight of each field of a user in the attention merge layer.

    Args:
        model_folder: a finished user model with an attention merge layer.
        fields: what the model was trained on.
        user_id_type: 'string' or 'bigint'.

    Returns:
        Rows (user_id, weights array<float>), one weight per field in the order of `fields.names`, summing to 1; zeros
        for a user without any field. The workers raise ConfigError if the model merges by concatenation.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            model = _model(model_folder, fields.model_dump_json())
            weights = _forward(model, batch, fields, attention=True)
            yield pa.record_batch([column(batch, "user_id"), list_array(weights)], ["user_id", "weights"])

    return BatchUdf(run, f"user_id {user_id_type}, weights array<float>")


@lru_cache(maxsize=16)
def _model(folder: str, fields: str) -> UserModel:
    model = load_user_model(folder)
    if model.encoder.fields != UserFields.model_validate_json(fields):
        raise ConfigError(f"user model {folder}: trained on other fields than the table's; train it again")
    return model


def _forward(model: UserModel, batch: pa.RecordBatch, fields: UserFields, attention: bool = False) -> np.ndarray:
    arrays = {spec.column: (spec.read(batch), spec.dtype) for spec in fields.specs}
    parts = []
    with torch.inference_mode():
        for start in range(0, max(batch.num_rows, 1), FORWARD_ROWS):
            tensors = {
                name: torch.from_numpy(values[start : start + FORWARD_ROWS].astype(dtype))
                for name, (values, dtype) in arrays.items()
            }
            parts.append(_weights(model, tensors) if attention else model.encode(tensors))
    return torch.cat(parts).numpy().astype(np.float32, copy=False)


def _weights(model: UserModel, tensors: dict[str, Tensor]) -> Tensor:
    weights: Tensor | None = model.merge(*model.encoder(tensors))[1]
    if weights is None:
        raise ConfigError("field attention: the model merges its fields by concatenation; give one with attention")
    return weights
