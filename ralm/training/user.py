"""Training of one user model, run in every rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ralm.models.merge import AttentionMerge
from ralm.models.user_model import UserModel
from ralm.training.loop import Run
from ralm.training.objective import Arrays, Batch, Judged, Objective, dense_adam, to_tensors
from ralm.training.ranks import Rank, process_group
from ralm.training.row_adam import RowAdam
from ralm.training.shared_tables import SharedTables
from ralm.training.specs import UserTrainingSpec


class UserObjective(Objective):
    """The user model with its sampled loss; validation scores are the logits of positives and negatives."""

    def __init__(self, spec: UserTrainingSpec, rank: Rank) -> None:
        self.spec = spec
        self.rank = rank
        self.device = rank.device
        self.user_model = UserModel(
            spec.fields,
            spec.model,
            spec.merge,
            spec.item_count,
            sparse=rank.device.type == "cpu",
        ).to(rank.device)
        self.model = self.user_model
        dense, sparse = self.user_model.parameter_groups()
        training = spec.training
        settings = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
        self.optimizers = [dense_adam([{"params": dense, **settings}], rank.device)]
        self.row_adam = RowAdam(sparse, lr=training.learning_rate) if sparse else None
        if self.row_adam is not None:
            self.optimizers.append(self.row_adam)
        self.shared: SharedTables | None = None

    def parallel(self) -> nn.Module:
        """DDP, on the CPU without the embedding tables."""
        if self.device.type == "cpu":
            self.shared = SharedTables(self.user_model, self.rank, self.row_adam)
        return super().parallel()

    def step(self) -> None:
        """With several ranks on the CPU, tables are stepped on by the owners of their rows."""
        if self.shared is None:
            super().step()
        else:
            self.shared.step()
            self.optimizers[0].step()

    def gather(self) -> None:
        """The moments of the rows that other ranks own."""
        if self.shared is not None:
            self.shared.gather()

    def prepare(self, arrays: Arrays) -> Batch:
        """Indices and numerics on the device."""
        return to_tensors(arrays, self.device)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The configured sampled loss."""
        return self.user_model.loss(*network(batch))

    def evaluate(self, batch: Batch) -> Judged:
        """Loss, and the logits of positives (1) and negatives (0)."""
        logits, indices = self.user_model(batch)
        valid = (indices != 0) & (indices[..., :1] != 0)
        labels = torch.zeros_like(logits)
        labels[..., 0] = 1.0
        return Judged(self.user_model.loss(logits, indices), labels[valid], logits[valid])

    def histograms(self, batch: Batch | None) -> dict[str, Tensor]:
        """The same two tags per field for both merge layers.

        `field/<name>/table` is the parameter that reads the field. `field/<name>/merge` is how the merge layer weighs
        it: the attention logits of users who have the field, or, for concat, the weights of the first layer of the
        MLP that read it.
        """
        model = self.user_model
        tags = {f"field/{name}/table": table for name, table in model.encoder.tables().items()}
        names = self.spec.fields.names
        if isinstance(model.merge, AttentionMerge):
            if batch is None:
                return tags
            with torch.no_grad():
                field_vectors, present = model.encoder(batch)
                logits = model.merge.logits(field_vectors)  # (batch, fields)
            return tags | {
                f"field/{name}/merge": logits[:, number][present[:, number]] for number, name in enumerate(names)
            }
        first = model.mlp[0].weight  # (hidden, fields · m)
        assert isinstance(first, Tensor)
        slices = torch.split(first, self.spec.model.field_dim, dim=1)
        return tags | {f"field/{name}/merge": part for name, part in zip(names, slices, strict=True)}


def train_user_model(spec: UserTrainingSpec) -> dict[str, Any]:
    """Train one user model, or resume from its last checkpoint; the model is written to `spec.output`.

    Each rank averages over its own positives, then the ranks' gradients are averaged.

    Returns:
        See `Run.train`: metrics and a path, never weights.
    """
    with process_group(spec.training) as rank:
        torch.manual_seed(spec.seed)
        return Run(spec, UserObjective(spec, rank), rank).train()
