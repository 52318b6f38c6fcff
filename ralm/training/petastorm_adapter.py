"""petastorm 0.13.1 on a pyarrow and a numpy of today.

petastorm was written for pyarrow below 15 and numpy below 2 and uses names that both have removed since:

- `pyarrow.filesystem.LocalFileSystem` and `pyarrow.hdfs.HadoopFileSystem`, only in type checks. They are there while
  petastorm is imported, and gone afterwards.
- `pq.ParquetDataset` as an object with `pieces`, `fs`, `paths`, `partitions`, `metadata`, `common_metadata`, and
  `pq.ParquetDatasetPiece`, one row group of a file. Given a list of files, as the loader does, both are a few lines.
- `np.unicode_` and `np.string_`, now `np.str_` and `np.bytes_`.

Only petastorm's own modules see these names: their `pq` and `np` are replaced by stand-ins, numpy and pyarrow stay as
they are for everybody else. Another version of petastorm may use other names, so it is refused.

Raises (when imported):
    ConfigError: petastorm is missing or of another version.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import types
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ralm.errors import ConfigError

VERSION = "0.13.1"
GONE = {"pyarrow.filesystem": "LocalFileSystem", "pyarrow.hdfs": "HadoopFileSystem"}


class Dataset:
    """What petastorm reads of a `ParquetDataset`: files by path, without partition columns or a metadata file."""

    partitions = metadata = common_metadata = None

    def __init__(self, path_or_paths: list[str], filesystem: Any, **_: Any) -> None:
        self.paths, self.fs = path_or_paths, filesystem
        self.pieces = [Piece(path, filesystem.open) for path in path_or_paths]


class Piece:
    """What petastorm reads of a `ParquetDatasetPiece`: a file, or one of its row groups."""

    def __init__(
        self, path: str, open_file_func: Callable[[str], Any], row_group: int | None = None, partition_keys: Any = ()
    ) -> None:
        self.path, self.row_group, self.partition_keys = path, row_group, partition_keys
        self._open = open_file_func

    def get_metadata(self) -> pq.FileMetaData:
        """The file's footer."""
        with self._open(self.path) as source:
            return pq.read_metadata(source)

    def read(self, columns: Collection[str], partitions: None = None) -> pa.Table:
        """The row group's columns, in an order that does not depend on hashing."""
        with self._open(self.path) as source:
            return pq.ParquetFile(source).read_row_group(self.row_group, columns=sorted(columns))


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
    return reader.make_batch_reader  # type: ignore[no-any-return]


make_batch_reader = _load()
