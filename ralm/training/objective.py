"""What a model gives to the training loop: batches, loss, validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Criterion = Literal["val_loss", "val_auc", "val_audience"]
Arrays = dict[str, np.ndarray[Any, Any]]
Batch = dict[str, Tensor]


class Judged(NamedTuple):
    """The result of a validation batch: the loss (), labels, logits and weights (n,); without weights all weigh 1."""

    loss: Tensor
    labels: Tensor
    logits: Tensor
    weights: Tensor | None = None


class Objective(ABC):
    """What differs between the models: loss, validation scores, optimizers.

    Attributes:
        model: on the rank's device.
        optimizers: over the model's parameters.
        criterion: the measure in which the best epoch is best.
        opening: figures of the model before the training, for the history; empty: none, it has to be trained.
        worth_training: whether there is anything that a training could be chosen by.
    """

    model: nn.Module
    optimizers: list[Optimizer]
    criterion: Criterion = "val_loss"
    opening: Mapping[str, Any] = MappingProxyType({})
    worth_training: bool = True

    @abstractmethod
    def prepare(self, arrays: Arrays) -> Batch:
        """A loader's batch as tensors on the device."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The loss of a batch; `network` is the model or its DDP wrapper, to be called."""

    @abstractmethod
    def evaluate(self, batch: Batch) -> Judged:
        """The judgement of a validation batch."""

    def judge(self) -> dict[str, Any]:
        """Further figures after an epoch, for the history."""
        return {}

    @abstractmethod
    def histograms(self, batch: Batch | None) -> dict[str, Tensor]:
        """What TensorBoard shows as histograms, by tag; the batch is from the validation."""

    def weights(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """Plain arrays for scorers; none for models that run only in torch."""
        return None


def to_tensors(arrays: Arrays, device: torch.device) -> Batch:
    """Arrays of a loader on a device, integers as int64."""
    batch = {}
    for name, values in arrays.items():
        wanted = np.int64 if values.dtype.kind in "iub" else np.float32
        batch[name] = torch.from_numpy(np.require(values, wanted, ["C", "W"])).to(device)
    return batch
