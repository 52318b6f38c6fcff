import numpy as np
import pyarrow as pa
import pytest

from ralm.arrow.arrays import blob_array, blob_matrix, list_array, matrix, ragged_array, scalars
from ralm.errors import DataError


def batch(values, kind=None):
    return pa.record_batch([pa.array(values, kind)], ["x"])


def test_matrix_of_a_slice():
    rows = batch([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32())).slice(1, 2)
    assert matrix(rows, "x", 2).tolist() == [[3, 4], [5, 6]]
    assert matrix(rows.slice(0, 0), "x", 2).shape == (0, 2)
    assert matrix(pa.table({"x": pa.chunked_array([], pa.list_(pa.float32()))}), "x", 2).shape == (0, 2)


@pytest.mark.parametrize("values", [[[1, 2], [3]], [[1, 2], None], [[1, None]], [[1, 2, 3]]])
def test_matrix_of_bad_arrays(values):
    with pytest.raises(DataError, match="'x'"):
        matrix(batch(values, pa.list_(pa.int64())), "x", 2)


def test_missing_column_and_null_scalars():
    with pytest.raises(DataError, match="'y' is missing"):
        scalars(batch([1]), "y")
    with pytest.raises(DataError, match="1 NULL"):
        scalars(batch([1, None]), "x")


def test_lists_from_matrices_and_ragged_values():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert list_array(values).to_pylist() == values.tolist()
    assert list_array(values.T).to_pylist() == values.T.tolist()
    assert list_array(np.zeros((2, 0))).to_pylist() == [[], []]
    found = ragged_array(np.arange(3, dtype=np.int32), np.array([2, 0, 1]))
    assert found.to_pylist() == [[0, 1], [], [2]]
    assert found.type == pa.list_(pa.int32())


def test_blobs_from_matrices_and_back():
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    chunks = pa.chunked_array([blob_array(values), blob_array(values.T[:, :0]), blob_array(-values.T)[:0]])
    assert blob_array(values.T).to_pylist() == [row.tobytes() for row in values.T]
    np.testing.assert_array_equal(blob_matrix(chunks, np.float64, 3), values)
    assert blob_matrix(pa.chunked_array([], pa.binary()), np.float64, 3).shape == (0, 3)
