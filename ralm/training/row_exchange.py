"""Rows of embedding tables between the ranks of a training: each is owned by one rank, as in sharded tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from ralm.models.row_reads import distinct_rows
from ralm.training.ranks import Rank


class TableRows(NamedTuple):
    """Some rows of a table: distinct `rows` (n,) int64, ascending, and their `values` (n, dim) float32."""

    rows: Tensor
    values: Tensor


def add_up(rows: Tensor, values: Tensor, size: int) -> TableRows:
    """The distinct ones of rows (n,) below `size`, and the sums of their values (n, dim)."""
    distinct, places = (torch.from_numpy(found) for found in distinct_rows(rows.numpy(), size))
    return TableRows(distinct, values.new_zeros(len(distinct), values.shape[1]).index_add_(0, places, values))


def read_rows(gradient: Tensor) -> TableRows:
    """The rows of a table that have a gradient, which is sparse."""
    rows, values = gradient._indices()[0], gradient._values()
    return TableRows(rows, values) if gradient.is_coalesced() else add_up(rows, values, len(gradient))


class TableStack:
    """Tables of one width, one after the other as a single table, which is exchanged at once.

    Args:
        numbers: of the tables, among all.
        sizes: their rows.
        width: of all of them.
        world: each table starts at a multiple of it, so that row i of a table has the owner of row i.
    """

    def __init__(self, numbers: Sequence[int], sizes: Sequence[int], width: int, world: int) -> None:
        self.numbers = numbers
        self.width = width
        padded = [-(-size // world) * world for size in sizes]
        self.starts = torch.tensor([0, *padded]).cumsum(0)
        self.size = sum(padded)

    def join(self, tables: Sequence[TableRows]) -> TableRows:
        """Rows of the stack from those of all tables."""
        of_stack = [tables[number] for number in self.numbers]
        rows = [found.rows + start for found, start in zip(of_stack, self.starts.tolist(), strict=False)]
        return TableRows(torch.cat(rows), torch.cat([found.values for found in of_stack]))

    def split(self, found: TableRows) -> dict[int, TableRows]:
        """By the number of a table: its rows."""
        ends = torch.searchsorted(found.rows, self.starts).tolist()
        return {
            number: TableRows(found.rows[first:last] - start, found.values[first:last])
            for number, start, first, last in zip(self.numbers, self.starts.tolist(), ends, ends[1:], strict=False)
        }


class RowExchange:
    """What the ranks of a training tell each other of the rows of their tables; row i is owned by rank i mod world.

    A row with a gradient goes to its owner, and what the owner makes of it goes to all: a rank sends the rows that it
    has read, then those of its own that any rank has read.

    Args:
        rank: this process.
        shapes: (size, dim) of each table, the same on all ranks.
    """

    def __init__(self, rank: Rank, shapes: Sequence[tuple[int, int]]) -> None:
        self.rank = rank
        self.stacks = []
        for width in sorted({dim for _, dim in shapes}):
            numbers = [number for number, (_, dim) in enumerate(shapes) if dim == width]
            self.stacks.append(TableStack(numbers, [shapes[number][0] for number in numbers], width, rank.world))

    def averaged(self, gradients: Sequence[TableRows]) -> list[TableRows]:
        """Per table, this rank's own rows of the mean over the ranks of their gradients (zero where a rank has none).

        Args:
            gradients: per table, this rank's.
        """
        world = self.rank.world
        joined = [stack.join(gradients) for stack in self.stacks]
        received = self._swapped([[_owned(found, peer, world) for found in joined] for peer in range(world)])
        means = []
        for stack, parts in zip(self.stacks, zip(*received, strict=True), strict=True):
            rows, values = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
            means.append(add_up(rows, values.div_(world), stack.size))
        return self._split(means)

    def of_others(self, own: Sequence[TableRows]) -> list[list[TableRows]]:
        """Per other rank and table, the rows that the rank gives as its own."""
        joined = [stack.join(own) for stack in self.stacks]
        received = self._swapped([joined] * self.rank.world)
        return [self._split(found) for peer, found in enumerate(received) if peer != self.rank.number]

    def gather(self, table: Tensor) -> None:
        """Bring the own rows of all ranks into the table of rank 0."""
        own = torch.zeros_like(table)
        of_rank = slice(self.rank.number, None, self.rank.world)
        own[of_rank] = table[of_rank]
        dist.reduce(own, dst=0)
        if self.rank.first:
            table.copy_(own)

    def _split(self, stacks: Sequence[TableRows]) -> list[TableRows]:
        tables: dict[int, TableRows] = {}
        for stack, found in zip(self.stacks, stacks, strict=True):
            tables |= stack.split(found)
        return [tables[number] for number in sorted(tables)]

    def _swapped(self, parts: Sequence[Sequence[TableRows]]) -> list[Sequence[TableRows]]:
        """From parts[to][stack] of all ranks, those for this rank: [from][stack], in one message per rank."""
        own = self.rank.number
        widths = torch.tensor([1 + stack.width for stack in self.stacks])
        given = torch.tensor([[len(part.rows) * (peer != own) for part in found] for peer, found in enumerate(parts)])
        taken = torch.empty_like(given)  # (world, stacks)
        dist.all_to_all_single(taken, given)
        message = torch.cat([_packed(found) for peer, found in enumerate(parts) if peer != own])
        sizes = (taken * widths).sum(dim=1).tolist()
        received = message.new_empty(sum(sizes))
        dist.all_to_all_single(received, message, sizes, (given * widths).sum(dim=1).tolist())
        messages = zip(torch.split(received, sizes), taken.tolist(), strict=True)
        found = [_unpacked(one, counts, widths.tolist()) for one, counts in messages]
        return [parts[peer] if peer == own else of_peer for peer, of_peer in enumerate(found)]


def _owned(found: TableRows, owner: int, world: int) -> TableRows:
    chosen = (found.rows % world == owner).nonzero().flatten()
    return TableRows(*(tensor.index_select(0, chosen) for tensor in found))


def _packed(stacks: Sequence[TableRows]) -> Tensor:
    """One array of float32: of each stack the rows, their 32 bits as they are, and the values."""
    return torch.cat([part for rows, values in stacks for part in (rows.int().view(torch.float32), values.flatten())])


def _unpacked(message: Tensor, counts: Sequence[int], widths: Sequence[int]) -> list[TableRows]:
    """What `_packed` has put into a message, by the rows and 1 + dim of each stack."""
    parts = torch.split(message, [count * width for count, width in zip(counts, widths, strict=True)])
    return [
        TableRows(part[:count].view(torch.int32).long(), part[count:].view(count, width - 1))
        for part, count, width in zip(parts, counts, widths, strict=True)
    ]
