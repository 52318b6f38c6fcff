"""Users' interest vectors from their histories."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.baselines.interests import interest_components, interest_vectors, read_interests


def user_interests(model_folder: str, batch: pa.RecordBatch) -> NDArray[np.float32]:
    """The interest vectors (n, r) of rows of `user_fields` (the histories); zeros for a user without a known thing.

    In the workers, MissingInputError where the model cannot be reached.
    """
    return interest_vectors(read_interests(model_folder).space.matrix(batch), interest_components(model_folder))
