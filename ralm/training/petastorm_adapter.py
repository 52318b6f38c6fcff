"""petastorm 0.13.1 with a current pyarrow and numpy.

petastorm was written for pyarrow below 15 and numpy below 2 and uses names that these have since removed:

- `pyarrow.filesystem.LocalFileSystem` and `pyarrow.hdfs.HadoopFileSystem`, only in type checks. They are there while
  petastorm is imported, and gone afterwards.
- `pq.ParquetDataset` as an object with `pieces`, `fs`, `paths`, `partitions`, `metadata`, `common_metadata`, and
  `pq.ParquetDatasetPiece`, one row group of a file: given to `reader`, `arrow_reader_worker` and
  `etl.dataset_metadata`.
- `np.unicode_` and `np.string_`, now `np.str_` and `np.bytes_`: given to `unischema` and `arrow_reader_worker`.

Only these modules see the names: their `pq` and `np` are replaced by stand-ins; numpy and pyarrow are unchanged for
all other code. Another version of petastorm may use other names, so it is refused.

A reader gets `Files` instead of a file system: paths and footers are those that the loader has checked; petastorm
parses no path and reads no footer. `arrow_reader_worker` also opens each row group's file a second time and leaves the
closing to Python's memory management; its `ParquetFile` is replaced by a function that opens nothing.

Raises (when imported):
    ConfigError: petastorm is missing or has another version.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import types
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ralm.errors import ConfigError
from ralm.training.parquet_shards import DataFile

VERSION = "0.13.1"
GONE = {"pyarrow.filesystem": "LocalFileSystem", "pyarrow.hdfs": "HadoopFileSystem"}


@dataclass(frozen=True)
class Files:
    """The files of a reader, in place of the file system that petastorm expects."""

    filesystem: pafs.FileSystem
    files: Sequence[DataFile]

    @property
    def urls(self) -> list[str]:
        """The files' names for petastorm: their numbers, because it would cut a path at '?', '#' or a final '/'."""
        return [f"file:///{number}" for number in range(len(self.files))]

    def open(self, path: str) -> tuple[pafs.FileSystem, DataFile]:
        """The path of a file by its number; `Piece.read` opens it."""
        return self.filesystem, self.files[int(path.removeprefix("/"))]


class Dataset:
    """What petastorm reads of a `ParquetDataset`: files by path, without partition columns or a metadata file."""

    partitions = metadata = common_metadata = None

    def __init__(self, path_or_paths: list[str], filesystem: Files, **_: Any) -> None:
        self.paths, self.fs = path_or_paths, filesystem
        self.pieces = [Piece(path, filesystem.open) for path in path_or_paths]


class Piece:
    """What petastorm reads of a `ParquetDatasetPiece`: a file, or one of its row groups."""

    def __init__(
        self,
        path: str,
        open_file_func: Callable[[str], tuple[pafs.FileSystem, DataFile]],
        row_group: int | None = None,
        partition_keys: Any = (),
    ) -> None:
        self.path, self.row_group, self.partition_keys = path, row_group, partition_keys
        self._filesystem, self._file = open_file_func(path)

    def get_metadata(self) -> pq.FileMetaData:
        """The file's footer."""
        return self._file.metadata

    def read(self, columns: Collection[str], partitions: None = None) -> pa.Table:
        """The row group's columns, in an order that does not depend on hashing."""
        with self._filesystem.open_input_file(self._file.path) as source:
            reader = pq.ParquetFile(source, metadata=self._file.metadata)
            return reader.read_row_group(self.row_group, columns=sorted(columns))


class _StandIn(types.ModuleType):
    """A module with a few names added; all others are the module's own."""

    def __init__(self, module: types.ModuleType, **added: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(added)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _load() -> Callable[..., Any]:
    try:
        found = importlib.metadata.version("petastorm")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != VERSION:
        raise ConfigError(f"loader: petastorm {VERSION} is needed, found {found}; install it or use `loader: pyarrow`")
    for module, name in GONE.items():
        sys.modules[module] = types.ModuleType(module)
        setattr(sys.modules[module], name, type(name, (), {}))
    try:
        reader = importlib.import_module("petastorm.reader")
    finally:
        for module in GONE:
            del sys.modules[module]
    parquet = _StandIn(pq, ParquetDataset=Dataset, ParquetDatasetPiece=Piece)
    for module in ("reader", "arrow_reader_worker", "etl.dataset_metadata"):
        importlib.import_module(f"petastorm.{module}").pq = parquet  # type: ignore[attr-defined]
    numbers = _StandIn(np, unicode_=np.str_, string_=np.bytes_)
    for module in ("unischema", "arrow_reader_worker"):
        importlib.import_module(f"petastorm.{module}").np = numbers  # type: ignore[attr-defined]
    worker = importlib.import_module("petastorm.arrow_reader_worker")
    worker.ParquetFile = lambda source: None  # type: ignore[attr-defined]
    return reader.make_batch_reader  # type: ignore[no-any-return]


make_batch_reader = _load()
