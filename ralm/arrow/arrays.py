"""Between Arrow's list columns and numpy's matrices, without a Python loop over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ralm.errors import DataError


def column(batch: pa.RecordBatch | pa.Table, name: str) -> pa.Array:
    """A column as one array.

    Raises:
        DataError: there is no such column.
    """
    if name not in batch.schema.names:
        raise DataError(f"column '{name}' is missing; found {batch.schema.names}")
    found = batch.column(name)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def rows_of(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """The rows whose column has one of the values."""
    found = column(batch, name)
    return batch.filter(pc.is_in(found, value_set=values.cast(found.type)))


def scalars(batch: pa.RecordBatch | pa.Table, name: str) -> NDArray[Any]:
    """A column of numbers (n,).

    Raises:
        DataError: the column is missing or holds NULLs.
    """
    array = column(batch, name)
    if array.null_count:
        raise DataError(f"column '{name}': {array.null_count} NULL values in {len(array)} rows")
    return np.asarray(array.to_numpy(zero_copy_only=False))


def matrix(batch: pa.RecordBatch | pa.Table, name: str, width: int | None = None) -> NDArray[Any]:
    """A column of arrays of one length, as (n, width).

    Raises:
        DataError: the column is missing, holds NULLs, or arrays of unequal or other lengths.
    """
    array = column(batch, name)
    if array.null_count:
        raise DataError(f"column '{name}': {array.null_count} NULL arrays in {len(array)} rows")
    if isinstance(array, pa.ChunkedArray):  # no chunk at all
        return np.zeros((0, width or 0), dtype=np.float32)
    lengths = pc.min_max(pc.list_value_length(array)).as_py()
    if lengths["min"] != lengths["max"] or (width is not None and len(array) and lengths["min"] != width):
        wanted = "one length" if width is None else f"length {width}"
        raise DataError(f"column '{name}': arrays of {wanted} expected, found {lengths['min']} to {lengths['max']}")
    values = array.flatten()
    if values.null_count:
        raise DataError(f"column '{name}': NULLs inside arrays")
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(array), lengths["min"] or width or 0)


def list_array(rows: NDArray[Any]) -> pa.ListArray:
    """A matrix (n, width) as an array of lists."""
    count, width = rows.shape
    return ragged_array(np.ascontiguousarray(rows).reshape(-1), np.full(count, width))


def padded(values: NDArray[Any], lengths: NDArray[Any], width: int) -> NDArray[Any]:
    """Lists of the given lengths (n,), one after the other, as (n, width): cut or filled with 0."""
    rows = np.zeros((len(lengths), width), values.dtype)
    starts = np.cumsum(lengths) - lengths
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(values)) - np.repeat(starts, lengths)
    kept = place < width
    rows[row[kept], place[kept]] = values[kept]
    return rows


def ragged_array(values: NDArray[Any], lengths: NDArray[Any]) -> pa.ListArray:
    """Values (total,) as lists of the given lengths (n,)."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def blob_array(rows: NDArray[Any]) -> pa.BinaryArray:
    """A matrix (n, width) as an array of byte strings: Spark moves each as a whole, and lists element by element."""
    flat = np.ascontiguousarray(rows)
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * (flat.shape[1] * flat.itemsize)
    return pa.Array.from_buffers(pa.binary(), len(flat), [None, pa.py_buffer(offsets), pa.py_buffer(flat)])


def blob_matrix(array: pa.BinaryArray | pa.ChunkedArray, dtype: Any, width: int) -> NDArray[Any]:
    """The matrix (n, width) of an array made by `blob_array`."""
    return np.frombuffer(b"".join(array.to_pylist()), dtype=dtype).reshape(-1, width)
