"""Training of one round of a look-alike model, run in every rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ralm.arrow.files import file_batches
from ralm.errors import DataError, MissingInputError
from ralm.models.clicked_bits import has_clicked
from ralm.models.lookalike import LookalikeModel
from ralm.models.lookalike_start import LookalikeStart
from ralm.models.losses import sample_users, users_softmax
from ralm.models.weights import export_weights
from ralm.storage.path import StoragePath
from ralm.training.checkpoints import last_of
from ralm.training.judged_items import CHOICES, UNTRAINED, Figures, Situation, choose, mean_figure, score_parts
from ralm.training.loop import Run
from ralm.training.objective import Arrays, Batch, Criterion, Judged, Objective, dense_adam, to_tensors
from ralm.training.ranks import Rank, process_group
from ralm.training.seed_draws import row_item
from ralm.training.specs import LookalikeTrainingSpec

# The mean and deviation of the embeddings are taken from so many rows.
STANDARDISED_ROWS = 20_000


def _open(path: str, dimensions: int) -> np.ndarray[Any, Any]:
    try:
        array: np.ndarray[Any, Any] = np.load(StoragePath.at(path).local(), mmap_mode="r")
    except FileNotFoundError as error:
        raise MissingInputError(f"centroids {path}: not found; cluster the seeds before the training") from error
    if array.ndim != dimensions:
        raise DataError(f"centroids {path}: {dimensions} dimensions expected, found shape {array.shape}")
    return array


def _embeddings(files: list[str], dim: int) -> Tensor:
    """Target embeddings (rows, d) of the first samples: at most `STANDARDISED_ROWS`, at least two."""
    parts, rows = [], 0
    for path in files:
        for batch in file_batches(path, ["embedding"]):
            parts.append(batch.column(0).flatten().to_numpy().reshape(-1, dim))
            rows += len(parts[-1])
            if rows >= STANDARDISED_ROWS:
                break
        if rows >= STANDARDISED_ROWS:
            break
    found = np.concatenate(parts) if parts else np.zeros((0, dim), np.float32)
    if len(found) < 2:
        raise DataError("lookalike_samples: fewer than two rows to train on; check dates and lookalike.min_seeds")
    return torch.from_numpy(found[:STANDARDISED_ROWS].astype(np.float32))


def _start(path: str) -> LookalikeStart:
    try:
        with np.load(StoragePath.at(path).local()) as opened:
            return LookalikeStart.of_arrays(dict(opened))
    except FileNotFoundError as error:
        raise MissingInputError(f"closed form {path}: not found; run the training from its first round") from error


def judged_situations(spec: LookalikeTrainingSpec) -> list[Situation]:
    """The validation items of a training, in those situations that have enough of them."""
    found = [Situation.load(StoragePath.at(path).local()) for path in spec.judged]
    return [situation for situation in found if situation.judged.enough]


def brought_nothing(folder: str) -> bool:
    """Whether a round kept the model that it started from; the next one then has nothing to go on from."""
    return bool(last_of(folder).metadata["epoch"] == 0)


def worth_training(spec: LookalikeTrainingSpec, judged: Sequence[Situation]) -> bool:
    """Whether anything could be chosen by: enough validation items, and an earlier round that brought something."""
    if spec.start_from is not None and brought_nothing(spec.start_from):
        return False
    if spec.closed_form is None:
        return True
    return bool(judged)


class LookalikeObjective(Objective):
    """The look-alike model with its loss, over memory-mapped centroids; validation scores are its logits."""

    # The validation's sigmoid loss depends on the size of the logits, which the multi-class loss leaves free.
    criterion: Criterion = "val_auc"

    def __init__(self, spec: LookalikeTrainingSpec, rank: Rank) -> None:
        self.spec = spec
        self.device = rank.device
        self.centroids = _open(spec.centroids, 3)  # (items, k, d)
        self.sizes = _open(spec.sizes, 2)  # (items, k)
        draws = spec.model.seed_draws
        if len(self.centroids) % draws:
            raise DataError(f"centroids {spec.centroids}: {len(self.centroids)} rows are not those of {draws} draws")
        self.items = len(self.centroids) // draws
        if self.centroids.shape[2] != spec.input_dim or self.sizes.shape != self.centroids.shape[:2]:
            raise DataError(
                f"centroids {spec.centroids}: shape {self.centroids.shape} and sizes {self.sizes.shape} do not fit "
                f"each other and the embedding width {spec.input_dim}; cluster with the same user model"
            )
        self.lookalike = LookalikeModel(spec.input_dim, spec.model, spec.pooling, spec.closed_form is not None)
        self.start: Figures = []  # of the validation items
        self.judged = judged_situations(spec)
        if self.judged:
            self.criterion = "val_audience"
        if spec.closed_form is not None:
            start = _start(spec.closed_form)
            self.lookalike.start_from(start.plda, start.classifier, start.attention, start.attends)
        elif spec.start_from is None:
            sample = _embeddings(spec.train_files, spec.input_dim)
            self.lookalike.standardise(sample.mean(dim=0), sample.std(dim=0))
        self.lookalike.to(rank.device)
        self.model = self.lookalike
        training = spec.training
        groups = self.lookalike.parameter_groups(training.learning_rate, training.weight_decay)
        self.optimizers = [dense_adam(groups, rank.device)]
        if spec.start_from is not None:
            previous = last_of(spec.start_from)
            self.lookalike.load_state_dict(previous.model_state(str(rank.device)))
            self.optimizers[0].load_state_dict(previous.optimizer_states(str(rank.device))[0])
        self.worth_training = worth_training(spec, self.judged)
        self.opening = self._open() if rank.first else {}

    def prepare(self, arrays: Arrays) -> Batch:
        """Tensors; `row` is where each pair's item stands in the centroids, `item` the item, whichever draw its seeds
        are from.

        Raises:
            DataError: an item index outside the centroid array.
        """
        row = arrays["item_index"].reshape(-1)
        if row.min() < 0 or row.max() >= len(self.centroids):
            raise DataError(
                f"item_index: found {row.min()} … {row.max()}, the centroids {self.spec.centroids} have "
                f"{len(self.centroids)} items; samples and centroids are of different runs"
            )
        wanted = {
            "embedding": arrays["embedding"].reshape(len(row), -1),
            "label": arrays["label"].reshape(-1).astype(np.float32),
            "row": row,
            "item": row_item(row, self.items),
        }
        if self.spec.model.logq:
            wanted["log_rows"] = arrays["log_rows"].reshape(-1)
        if self.spec.clicked_words:
            wanted["clicked"] = arrays["clicked"].reshape(len(row), -1)
        return to_tensors(wanted, self.device)

    def seeds_of(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The items at `rows` (n,), each once: centroids (items, k, d), sizes (items, k), and which is whose (n,)."""
        chosen, item = torch.unique(rows, return_inverse=True)
        places = chosen.cpu().numpy()
        arrays = {"centroids": self.centroids[places], "sizes": self.sizes[places]}
        found = to_tensors(arrays, self.device)
        return found["centroids"], found["sizes"], item

    def _loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sigmoid cross-entropy, corrected like the training, and the logits from which scores come."""
        logits = network(batch["embedding"], *self.seeds_of(batch["row"]))
        corrected = logits - batch["log_rows"] if "log_rows" in batch else logits
        return F.binary_cross_entropy_with_logits(corrected, batch["label"]), logits

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Sigmoid cross-entropy on the labels, or softmax over sampled users of the batch."""
        if self.spec.model.loss == "sigmoid":
            return self._loss(network, batch)[0]
        # Of the items, only those that were clicked are needed; of the other pairs, users alone are compared.
        rows, users, valid = sample_users(batch["label"], batch["item"], self.spec.model.negative_users)
        logits = network(batch["embedding"], *self.seeds_of(batch["row"][rows]), users)
        if "log_rows" in batch:
            logits = logits - batch["log_rows"][users]
        if "clicked" in batch:
            valid = valid & ~has_clicked(batch["clicked"], users, batch["item"][rows])
        return users_softmax(logits, valid)

    def evaluate(self, batch: Batch) -> Judged:
        """Sigmoid cross-entropy (whatever the training's loss), labels and logits.

        With `logq` a non-click weighs 1 / (its user's rows): the AUC is against equally likely users.
        """
        loss, logits = self._loss(self.lookalike, batch)
        if "log_rows" not in batch:
            return Judged(loss, batch["label"], logits)
        weights = torch.where(batch["label"] > 0.5, 1.0, (-batch["log_rows"]).exp())
        return Judged(loss, batch["label"], logits, weights)

    def _open(self) -> dict[str, Any]:
        """What validation items make of the model before it is trained; `val_audience` if there are enough of them."""
        if not self.lookalike.closed_form:
            return {}
        kept = tuple(self.lookalike.kept.tolist())
        learnt = [name for name, choice in CHOICES.items() if choice == kept]
        trained = self.spec.start_from is not None and self.worth_training  # by an earlier round
        found: dict[str, Any] = {"kept": learnt[0] if trained else UNTRAINED[bool(kept[1])]}
        if self.criterion == "val_audience":
            self.start = self._values([kept])[0]
            found["val_audience"] = mean_figure(self.start)
        return found

    def judge(self) -> dict[str, Any]:
        """`val_audience`, and which learnt parts validation items keep: those that improve on the start."""
        if self.criterion != "val_audience":
            return {}
        names = list(CHOICES)
        values = [self.start, *self._values(list(CHOICES.values()))]
        best = choose(values)
        if best:
            self.lookalike.kept.copy_(torch.tensor(CHOICES[names[best - 1]]))
        kept = names[best - 1] if best else self.opening["kept"]
        return {"val_audience": mean_figure(values[best]), "kept": kept}

    def _values(self, choices: Sequence[tuple[float, ...]]) -> list[Figures]:
        """Per choice of parts, the figures of all validation items."""
        masks = np.array([(1.0, *choice) for choice in choices])  # (choices, 4)
        of_situations = [self._values_in(situation, masks) for situation in self.judged]
        self.lookalike.train()
        return list(zip(*of_situations, strict=True))

    def _values_in(self, situation: Situation, masks: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        judged = situation.judged
        values: list[list[np.ndarray[Any, Any]]] = [[] for _ in masks]
        parts = score_parts(self.lookalike, situation, range(len(judged.rows)))
        for own, others in parts:
            for found, a, b in zip(values, masks @ own, masks @ others, strict=True):
                found.append(judged.value(a, b))
        return [judged.per_item(np.array(found)) for found in values]

    def histograms(self, batch: Batch | None) -> dict[str, Tensor]:
        """The parameters, by name."""
        return {f"lookalike/{name}": parameter for name, parameter in self.lookalike.named_parameters()}

    def weights(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """What scorers read; see `export_weights`."""
        return export_weights(self.lookalike)


def train_lookalike(spec: LookalikeTrainingSpec) -> dict[str, Any]:
    """Train one round, or resume from its last checkpoint; the model and its `weights.npz` land in `spec.output`.

    Returns:
        See `Run.train`: metrics and a path, never weights.
    """
    with process_group(spec.training) as rank:
        torch.manual_seed(spec.seed)
        return Run(spec, LookalikeObjective(spec, rank), rank, spec.batches).train()
