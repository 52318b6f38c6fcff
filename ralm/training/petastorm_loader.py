"""Training batches read with petastorm.

petastorm 0.13.1 loses rows with its thread pool and a finite number of epochs, shards at random and reshuffles row
groups only once per reader. So each epoch has its own reader over this rank's files: the dummy pool (it reads when
asked, a thread would read into the next epoch), endless, with a seed; the number of rows in the footers says when
the epoch is over. Every row comes exactly once.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ralm.errors import DataError
from ralm.training.loader_base import Arrays, Loader, matrix
from ralm.training.parquet_shards import Column
from ralm.training.petastorm_adapter import Files, make_batch_reader


class PetastormLoader(Loader):
    """Reads through `make_batch_reader`; row memory is one row group more than the shuffle buffer."""

    _reader: Any = None

    def chunks(self, rng: np.random.Generator) -> Iterator[Arrays]:
        """This rank's rows, each once, row groups in an order drawn from `rng`."""
        files = Files(self.filesystem, self.files)
        # Seed 0 means "not deterministic" to petastorm.
        seed = int(rng.integers(1, 2**31))
        read = 0
        self.close()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # petastorm warns of each column that it leaves out
                reader = self._reader = make_batch_reader(
                    files.urls,
                    schema_fields=[f"^{re.escape(column.name)}$" for column in self.columns],
                    reader_pool_type="dummy",
                    seed=seed,
                    shuffle_row_groups=True,
                    shuffle_rows=False,
                    num_epochs=None,
                    filesystem=files,
                )
                lacking = [column.name for column in self.columns if column.name not in reader.schema.fields]
                if lacking:
                    raise DataError(f"petastorm dropped columns {lacking}; use `loader: pyarrow`")
            while read < self.rank_rows:
                chunk = _next(reader)
                rows = len(getattr(chunk, self.columns[0].name))
                read += rows
                yield {column.name: _values(column, getattr(chunk, column.name), rows) for column in self.columns}
        finally:
            self.close()

    def close(self) -> None:
        """Stop petastorm's thread; safe to call twice."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()
            reader.join()


def _next(reader: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return next(reader)
    except (RuntimeError, AttributeError) as error:
        # For a NULL array, petastorm 0.13.1 raises an AttributeError of None; the data cause no other AttributeError.
        if isinstance(error, AttributeError) and error.obj is not None:
            raise
        raise DataError(
            f"training files: arrays of unequal lengths or NULL in place of an array ({' '.join(str(error).split())})"
        ) from error


def _values(column: Column, values: npt.NDArray[np.generic], rows: int) -> npt.NDArray[np.generic]:
    if values.dtype == object:
        raise DataError(f"column '{column.name}': NULL values; every row must have {column.width} numbers")
    shaped = matrix(column, values, rows)
    if shaped.dtype.kind == "f" and np.isnan(shaped).any():
        raise DataError(f"column '{column.name}': NULL or NaN values; every element must be a number")
    return shaped
