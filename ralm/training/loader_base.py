"""What all loaders share: shuffling of the chunks read, equal steps on every rank, batches.

An epoch is one pass over all rows of all ranks. A rank's rows are spread evenly over `steps_per_epoch` batches, which
is the same number on every rank: batch sizes differ by at most one row within a rank, between ranks by the balance of
their files; no row is dropped or repeated, and no rank waits for another.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow.fs as pafs

from ralm.errors import ConfigError, DataError
from ralm.storage.filesystem import open_filesystem
from ralm.training.parquet_shards import (
    Column,
    DataFile,
    assign,
    check_columns,
    read_footers,
)

Arrays = dict[str, npt.NDArray[np.generic]]

SHUFFLE_ROWS = 65_536


class ShuffleBuffer:
    """Mixes rows that are at most about `capacity` rows apart; row memory is bounded by capacity plus one chunk.

    A full buffer is permuted, its first half leaves, its second half stays to be mixed with later chunks.
    """

    def __init__(self, capacity: int, rng: np.random.Generator) -> None:
        self.capacity = max(2, capacity)
        self.rng = rng

    def mix(self, chunks: Iterator[Arrays]) -> Iterator[Arrays]:
        """The rows of the chunks in mixed order, as larger chunks."""
        held: list[Arrays] = []
        count = 0
        for chunk in chunks:
            held.append(chunk)
            count += _rows(chunk)
            if count >= self.capacity:
                pool = self._permuted(held)
                leaving = max(count - self.capacity // 2, 1)
                yield {name: values[:leaving] for name, values in pool.items()}
                held = [{name: values[leaving:] for name, values in pool.items()}]
                count -= leaving
        if count:
            yield self._permuted(held)

    def _permuted(self, held: list[Arrays]) -> Arrays:
        joined = {name: np.concatenate([chunk[name] for chunk in held]) for name in held[0]}
        order = self.rng.permutation(_rows(joined))
        return {name: values[order] for name, values in joined.items()}


class Loader(ABC):
    """Batches of one rank.

    Iterating gives `steps_per_epoch * epochs` dictionaries of arrays: int64 or float32, (batch, width) for an array
    column and (batch,) for a scalar one. The order depends on the seed, the epoch, the rank and the files alone.

    Args:
        files: Parquet files of a pinned snapshot, as Spark names them (`Warehouse.files`), the same on every rank.
        columns: column -> width of its array (1: a scalar column or arrays of one element).
        batch_size: rows per step on this rank.
        rank: this process, from 0.
        world: number of processes.
        seed: of the order of rows, and of ties when files are assigned to ranks.
        epochs: passes over the data; None: endless.
        first_epoch: number of the first epoch: a resumed training continues with the order that it would have had.
        shuffle_rows: rows among which the order is drawn.

    Attributes:
        rows_per_epoch: rows of an epoch over all ranks.
        rank_rows: rows of an epoch of this rank.
        steps_per_epoch: batches per epoch, the same on every rank: as many as the fullest rank needs to stay within
            `batch_size`, but never more than the emptiest rank has rows (then batches grow beyond `batch_size`).

    Raises:
        ConfigError: rank, world, batch size or epochs are out of range.
        DataError: columns are missing or of a wrong type; there are fewer files with rows than ranks.
        MissingInputError: a file is gone.
    """

    def __init__(
        self,
        files: Sequence[str],
        columns: dict[str, int],
        *,
        batch_size: int,
        rank: int,
        world: int,
        seed: int,
        epochs: int | None,
        first_epoch: int = 0,
        shuffle_rows: int = SHUFFLE_ROWS,
    ) -> None:
        if not 0 <= rank < world or batch_size < 1 or (epochs is not None and epochs < 1):
            raise ConfigError(
                f"loader: expected 0 <= rank < world, batch_size >= 1 and epochs >= 1, found rank {rank}, "
                f"world {world}, batch_size {batch_size}, epochs {epochs}"
            )
        if not columns:
            raise ConfigError("loader: no columns were asked for")
        if not files:
            raise DataError("training files: none; the samples of this partition are empty")
        self.filesystem: pafs.FileSystem
        self.filesystem, paths = open_filesystem(files)
        found = read_footers(self.filesystem, paths)
        self.columns: list[Column] = check_columns(found, columns)
        shards = assign(found, world, seed)
        rank_rows = [sum(file.rows for file in shard) for shard in shards]
        self.files: list[DataFile] = shards[rank]
        self.rank_rows = rank_rows[rank]
        self.rows_per_epoch = sum(rank_rows)
        self.steps_per_epoch = min(-(-max(rank_rows) // batch_size), min(rank_rows))
        self.rank, self.seed = rank, seed
        self.epochs, self.first_epoch = epochs, first_epoch
        self.shuffle_rows = shuffle_rows

    @abstractmethod
    def chunks(self, rng: np.random.Generator) -> Iterator[Arrays]:
        """This rank's rows, each once, row groups in an order drawn from `rng`."""

    def close(self) -> None:  # noqa: B027 - a loader without threads has nothing to close
        """Stop reading and free all buffers; safe to call twice."""

    def __enter__(self) -> Loader:
        """The loader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __len__(self) -> int:
        """Batches of a whole iteration.

        Raises:
            TypeError: the loader is endless.
        """
        if self.epochs is None:
            raise TypeError("an endless loader has no length")
        return self.steps_per_epoch * self.epochs

    def __iter__(self) -> Iterator[Arrays]:
        """All batches of all epochs."""
        epoch = self.first_epoch
        while self.epochs is None or epoch < self.first_epoch + self.epochs:
            yield from self._epoch(epoch)
            epoch += 1

    def _epoch(self, epoch: int) -> Iterator[Arrays]:
        rng = np.random.default_rng([self.seed, self.rank, epoch])
        mixed = ShuffleBuffer(self.shuffle_rows, rng).mix(self.chunks(rng))
        edges = [self.rank_rows * step // self.steps_per_epoch for step in range(self.steps_per_epoch + 1)]
        rest: list[Arrays] = []
        held = 0
        for start, stop in itertools.pairwise(edges):
            size = stop - start
            while held < size:
                chunk = next(mixed, None)
                if chunk is None:
                    raise DataError(
                        f"training files: {self.rank_rows} rows in the footers, only {start + held} rows read"
                    )
                rest.append(chunk)
                held += _rows(chunk)
            batch = [{name: values[:size] for name, values in rest[0].items()}]
            if _rows(batch[0]) == size:
                rest[0] = {name: values[size:] for name, values in rest[0].items()}
            else:
                joined = {name: np.concatenate([part[name] for part in rest]) for name in rest[0]}
                batch = [{name: values[:size] for name, values in joined.items()}]
                rest = [{name: values[size:] for name, values in joined.items()}]
            held -= size
            # astype copies: a batch never keeps a whole shuffled block alive.
            yield {column.name: batch[0][column.name].astype(column.dtype) for column in self.columns}
        if held or next(mixed, None) is not None:
            raise DataError(f"training files: more rows read than the {self.rank_rows} in the footers")


def matrix(column: Column, values: npt.NDArray[np.generic], rows: int) -> npt.NDArray[np.generic]:
    """The values of a chunk in the column's shape.

    Raises:
        DataError: NULLs or arrays of another length than the column's width.
    """
    expected = (rows, column.width) if column.is_array else (rows,)
    if values.size != rows * column.width:
        raise DataError(
            f"column '{column.name}': arrays of {column.width} expected, found {values.size} values in {rows} rows"
        )
    if column.is_integer and values.dtype.kind not in "iub":
        raise DataError(f"column '{column.name}': NULL values; every row must have {column.width} numbers")
    return values.reshape(expected)


def _rows(chunk: Arrays) -> int:
    return len(next(iter(chunk.values())))
