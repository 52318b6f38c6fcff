"""Training batches read with pyarrow: bounded memory whatever the row groups' size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ralm.errors import DataError
from ralm.training.loader_base import Arrays, Loader, matrix
from ralm.training.parquet_shards import Column

CHUNK_ROWS = 32_768


class PyarrowLoader(Loader):
    """Reads row groups in shuffled order, one bounded chunk at a time."""

    def chunks(self, rng: np.random.Generator) -> Iterator[Arrays]:
        """This rank's rows, each once, row groups in an order drawn from `rng`."""
        groups = [(file, group) for file in self.files for group in range(file.metadata.num_row_groups)]
        names = [column.name for column in self.columns]
        for index in rng.permutation(len(groups)):
            file, group = groups[index]
            with self.filesystem.open_input_file(file.path) as source:
                reader = pq.ParquetFile(source, metadata=file.metadata)
                for batch in reader.iter_batches(CHUNK_ROWS, row_groups=[group], columns=names):
                    if batch.num_rows:
                        yield {column.name: _values(column, batch.column(column.name)) for column in self.columns}


def _values(column: Column, array: pa.Array) -> npt.NDArray[np.generic]:
    rows = len(array)
    if array.null_count:
        raise DataError(f"column '{column.name}': {array.null_count} NULL values; every row must have numbers")
    if column.is_array:
        lengths = pc.min_max(pc.list_value_length(array)).as_py()
        if lengths["min"] != lengths["max"]:
            raise DataError(
                f"column '{column.name}': arrays of {column.width} expected, "
                f"found {lengths['min']} to {lengths['max']} values"
            )
        array = array.flatten()  # respects the batch's slice, unlike `values`
        if array.null_count:
            raise DataError(f"column '{column.name}': NULLs inside arrays; every element must be a number")
    return matrix(column, array.to_numpy(zero_copy_only=False), rows)
