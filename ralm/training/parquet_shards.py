"""Which Parquet files a rank reads: their footers, the check of their columns, and a balanced assignment.

Both loaders take rows, steps and shards from the footers, so every rank knows the same numbers without communication.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ralm.errors import DataError, MissingInputError

FOOTER_THREADS = 8


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a pinned snapshot: its path on the file system, and what its footer says."""

    path: str
    metadata: pq.FileMetaData
    schema: pa.Schema

    @property
    def rows(self) -> int:
        """Rows in the file."""
        return int(self.metadata.num_rows)


@dataclass(frozen=True)
class Column:
    """What a loader gives for one column: (batch, width) for an array column, (batch,) for a scalar one."""

    name: str
    width: int
    is_array: bool
    is_integer: bool

    @property
    def dtype(self) -> type[np.generic]:
        """int64 for integers and booleans, float32 for floating-point numbers."""
        return np.int64 if self.is_integer else np.float32


def read_footers(filesystem: pafs.FileSystem, paths: Sequence[str]) -> list[DataFile]:
    """The files that have rows, in the order of their paths.

    Raises:
        MissingInputError: a file is gone.
    """

    def footer(path: str) -> DataFile:
        try:
            with filesystem.open_input_file(path) as source:
                metadata = pq.read_metadata(source)
        except FileNotFoundError as error:
            raise MissingInputError(
                f"training file {path}: not found; was the table vacuumed? Run the job that writes it again"
            ) from error
        return DataFile(path, metadata, metadata.schema.to_arrow_schema())

    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        found = list(pool.map(footer, sorted(set(paths))))
    return [file for file in found if file.rows > 0]


def check_columns(files: Sequence[DataFile], widths: dict[str, int]) -> list[Column]:
    """What the loader will give for each column of `widths`, checked against every file.

    Raises:
        DataError: columns are missing or are not numbers or flat arrays of numbers; all are named at once.
    """
    problems: dict[str, None] = {}
    columns: dict[str, Column] = {}
    for file in files:
        missing = [name for name in widths if name not in file.schema.names]
        if missing:
            problems[f"missing columns {missing} in {file.path} (has {file.schema.names})"] = None
        for name in widths.keys() - set(missing):
            kind = file.schema.field(name).type
            is_array = pa.types.is_list(kind) or pa.types.is_large_list(kind)
            value = kind.value_type if is_array else kind
            integer = pa.types.is_integer(value) or pa.types.is_boolean(value)
            if not (integer or pa.types.is_floating(value)):
                problems[f"column '{name}' is {kind}: expected numbers or a flat array of numbers"] = None
            elif not is_array and widths[name] != 1:
                problems[f"column '{name}' is a scalar: expected an array of {widths[name]}"] = None
            elif columns.setdefault(name, Column(name, widths[name], is_array, integer)).is_array != is_array:
                problems[f"column '{name}' is an array in some files and a scalar in others"] = None
    if problems:
        shown = list(problems)[:4]
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise DataError(f"training files: {'; '.join(shown)}{more}")
    return [columns[name] for name in widths]


def assign(files: Sequence[DataFile], world: int, seed: int) -> list[list[DataFile]]:
    """One list of files per rank: the largest remaining file goes to the rank with the fewest rows.

    Greedy longest-processing-time assignment (Graham 1969): the fullest rank is within 4/3 of the best split. Files
    of one size are ordered by the seed.

    Raises:
        DataError: there are fewer files with rows than ranks.
    """
    if len(files) < world:
        raise DataError(
            f"{len(files)} training files with rows for {world} ranks; write at least {4 * world} files or train with "
            "fewer processes"
        )
    ties = np.random.default_rng(seed).permutation(len(files))
    order = sorted(range(len(files)), key=lambda i: (-files[i].rows, ties[i]))
    shards: list[list[DataFile]] = [[] for _ in range(world)]
    loads = [(0, rank) for rank in range(world)]
    for i in order:
        rows, rank = heapq.heappop(loads)
        shards[rank].append(files[i])
        heapq.heappush(loads, (rows + files[i].rows, rank))
    return [sorted(shard, key=lambda file: file.path) for shard in shards]
