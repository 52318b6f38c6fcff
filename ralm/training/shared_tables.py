"""The embedding tables of a model on several ranks, each of which takes the step for its share of their rows."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ralm.models.row_reads import row_gradient
from ralm.training.ranks import Rank
from ralm.training.row_adam import RowAdam
from ralm.training.row_exchange import RowExchange, TableRows, read_rows


class SharedTables:
    """What DDP does for the other parameters: all ranks start with rank 0's tables and hold equal ones after each step.

    DDP exchanges every row of a dense gradient, and all ranks then take the same step. Here only rows with a gradient
    are exchanged: from now on the model gives all tables sparse ones. A table of the optimizer of rows is stepped on by
    the owners of its rows alone, who send the new values; of the others they send the mean gradients, which all ranks
    make dense.

    Args:
        model: on the CPU, with its tables as modules; those that are `sparse` belong to `optimizer`.
        rank: this process.
        optimizer: of rows; None if there is no such table. Its moments of a row are kept by the row's owner; see
            `gather`.
    """

    def __init__(self, model: nn.Module, rank: Rank, optimizer: RowAdam | None) -> None:
        modules = {name: m for name, m in model.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
        self.tables: list[tuple[nn.Parameter, bool]] = [(m.weight, m.sparse) for m in modules.values()]  # type: ignore[misc]
        for module in modules.values():
            module.sparse = True
        self.optimizer = optimizer
        self.exchange = RowExchange(rank, [(len(table), table.shape[1]) for table, _ in self.tables])
        for table, _ in self.tables:
            dist.broadcast(table.data, src=0)
        names = [f"{name}.weight" for name in modules]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def step(self) -> None:
        """Average the gradients over the ranks, and take the step of the optimizer of rows."""
        own = self.exchange.averaged([read_rows(_gradient(table)) for table, _ in self.tables])
        for (table, by_rows), (rows, values) in zip(self.tables, own, strict=True):
            of_rows = row_gradient(rows, values, len(table))
            table.grad = of_rows if by_rows else of_rows.to_dense()
        if self.optimizer is not None:
            self.optimizer.step()
        shared = [table if by_rows else _gradient(table) for table, by_rows in self.tables]
        made = [TableRows(rows, found.index_select(0, rows)) for found, (rows, _) in zip(shared, own, strict=True)]
        for of_rank in self.exchange.of_others(made):
            for found, (rows, values) in zip(shared, of_rank, strict=True):
                found.index_copy_(0, rows, values)

    def gather(self) -> None:
        """Bring the moments of all rows to rank 0, before it saves them."""
        if self.optimizer is not None:
            for state in self.optimizer.state.values():
                for moment in (state["exp_avg"], state["exp_avg_sq"]):
                    self.exchange.gather(moment)


def _gradient(table: nn.Parameter) -> Tensor:
    assert table.grad is not None
    return table.grad
