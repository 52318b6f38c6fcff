"""What a model gives to the training loop: batches, loss, validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
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

    def parallel(self) -> nn.Module:
        """The model as one of several ranks calls it; all of them start with rank 0's weights."""
        return DistributedDataParallel(self.model, broadcast_buffers=False)

    def step(self) -> None:
        """The optimizers' step, after the backward pass."""
        for optimizer in self.optimizers:
            optimizer.step()

    def gather(self) -> None:  # noqa: B027 - after DDP, rank 0 has everything
        """Bring to rank 0 what the optimizers of the other ranks hold: called by all ranks before rank 0 saves."""

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


def dense_adam(groups: list[dict[str, Any]], device: torch.device) -> torch.optim.Adam:
    """Adam of parameter groups; on the CPU torch's fused one, a sixth of the time of one operation after the other."""
    return torch.optim.Adam(groups, fused=True if device.type == "cpu" else None)


def to_tensors(arrays: Arrays, device: torch.device) -> Batch:
    """Arrays of a loader on a device, integers as int64."""
    batch = {}
    for name, values in arrays.items():
        wanted = np.int64 if values.dtype.kind in "iub" else np.float32
        batch[name] = torch.from_numpy(np.require(values, wanted, ["C", "W"])).to(device)
    return batch
