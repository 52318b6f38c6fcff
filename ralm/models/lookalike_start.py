"""What a look-alike training starts from: the closed form, and how much attention adds to it before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.models.item_classifier import ItemClassifier
from ralm.models.plda import PREFIX, Plda

ATTENTION = "attention"


@dataclass(frozen=True)
class LookalikeStart:
    """The start of a look-alike model, as arrays of a file.

    Attributes:
        plda: the closed form.
        classifier: its classifiers, if they count.
        attention: the weight that attention starts with.
        attends: whether it counts before any training.
    """

    plda: Plda
    classifier: ItemClassifier | None
    attention: float
    attends: bool

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Of a file."""
        beside = {} if self.classifier is None else self.classifier.arrays(PREFIX)
        return self.plda.arrays() | beside | {ATTENTION: np.array([self.attention, float(self.attends)])}

    @staticmethod
    def of_arrays(arrays: Mapping[str, NDArray[Any]]) -> LookalikeStart:
        """What `arrays` wrote."""
        plda = Plda.of_arrays(arrays)
        assert plda is not None
        weight, attends = arrays[ATTENTION].tolist()
        return LookalikeStart(plda, ItemClassifier.of_arrays(arrays, PREFIX), weight, bool(attends))
