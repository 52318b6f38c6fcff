"""The input of a training worker: frozen, serialisable, with everything that decides the result."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ralm.config import Lookalike, Training, UserModel
from ralm.field_specs import UserFields

# Keys that may differ between a run and the run that resumes it.
CIRCUMSTANCES = {"output", "tensorboard", "processes", "retries", "local_mode", "device", "loader"}


class TrainingSpec(BaseModel):
    """What both trainings have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_files: list[str] = Field(description="Parquet files of a pinned snapshot (Warehouse.files)")
    validation_files: list[str] = Field(default_factory=list, description="empty: no validation loss and AUC")
    training: Training
    output: str = Field(description="folder of the model, on a file system that all ranks mount")
    tensorboard: str | None = Field(default=None, description="folder of the event files; None: not written")
    seed: int = 1
    version: str = Field(default="", description="model version, recorded with the model")

    @property
    def title(self) -> str:
        """The prefix of progress lines."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """A hash of what decides the result; a checkpoint of another digest is never resumed from."""

        def decisive(node: object) -> object:
            if isinstance(node, dict):
                return {key: decisive(value) for key, value in node.items() if key not in CIRCUMSTANCES}
            return node

        content = decisive(self.model_dump(mode="json"))
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


class UserTrainingSpec(TrainingSpec):
    """Training of one user model: one label domain, one merge layer."""

    kind: Literal["user"] = "user"
    fields: UserFields
    item_count: int = Field(ge=2, description="rows of the item table, padding included")
    representation: str = Field(description="the label domain")
    merge: Literal["attention", "concat"] = "attention"
    model: UserModel
    positives_per_row: int = Field(ge=1, description="P")
    negatives: int = Field(ge=1, description="negatives per positive")

    @property
    def title(self) -> str:
        """The prefix of progress lines."""
        return f"user model {self.representation}/{self.merge}"

    @property
    def columns(self) -> dict[str, int]:
        """Columns of `user_samples` that the training reads, with their widths."""
        positives = self.positives_per_row
        return self.fields.widths | {"positives": positives, "negatives": self.negatives * positives}


class LookalikeTrainingSpec(TrainingSpec):
    """One round of training of a look-alike model."""

    kind: Literal["lookalike"] = "lookalike"
    centroids: str = Field(description=".npy, float32 (draws · items, k, d), memory-mapped")
    sizes: str = Field(description=".npy, int32 (draws · items, k), 0 is absent")
    input_dim: int = Field(ge=1, description="d, width of the stacked user embedding")
    pooling: Literal["attention", "average"] = "attention"
    model: Lookalike
    round_number: int = Field(default=1, ge=1)
    rounds: int = Field(default=1, ge=1)
    start_from: str | None = Field(
        default=None, description="model folder of the previous round: weights and optimizer go on from there"
    )
    closed_form: str | None = Field(default=None, description=".npz of the closed form to start from; None: without it")
    clicked_words: int = Field(default=0, ge=0, description="width of `clicked` (`ralm.models.clicked_bits`); 0: none")
    judged: list[str] = Field(default=[], description=".npz of the validation items in each `Situation`")
    batches: int | None = Field(default=None, ge=1, description="batches of the round; None: `training.epochs` epochs")

    @property
    def title(self) -> str:
        """The prefix of progress lines."""
        return f"look-alike {self.pooling} round {self.round_number}/{self.rounds}"

    @property
    def columns(self) -> dict[str, int]:
        """Columns of `lookalike_samples` that the training reads, with their widths."""
        found = {"embedding": self.input_dim, "item_index": 1, "label": 1}
        if self.model.logq:
            found["log_rows"] = 1
        if self.clicked_words:
            found["clicked"] = self.clicked_words
        return found
