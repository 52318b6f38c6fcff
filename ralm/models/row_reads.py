"""Which rows of an embedding table a batch reads, as a sparse matrix, and its products on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, from_numpy


class RowReads:
    """A sparse matrix R (batch, size): a line per user, an entry per row of the table that is read for them.

    Products with it replace the vectors per read, which torch's embeddings write, sort and add up.

    Args:
        weights: of the reads (n,), float.
        rows: read (n,), in [0, size), the reads of a user side by side.
        starts: where each user's reads begin, and n at the end (batch + 1,).
        size: rows of the table.

    Raises:
        IndexError: rows that the table does not have.
    """

    def __init__(
        self, weights: NDArray[np.floating], rows: NDArray[np.int64], starts: NDArray[np.int64], size: int
    ) -> None:
        if len(rows) and not 0 <= rows.min() <= rows.max() < size:
            raise IndexError(f"rows {rows.min()} … {rows.max()} of an embedding table of {size} rows")
        self.weights, self.rows, self.starts, self.size = weights, rows, starts, size

    def times(self, table: Tensor) -> Tensor:
        """R V (batch, dim) for a table V (size, dim)."""
        return from_numpy(self._matrix(self.rows, self.size) @ table.numpy())

    def gradients(self, *vectors: Tensor, as_rows: bool) -> list[Tensor]:
        """Rᵀ U (size, dim) for each U (batch, dim) of `vectors`: the gradient of V where that of R V is U.

        Args:
            vectors: of the same users.
            as_rows: as sparse tensors of the rows read, coalesced.
        """
        if not as_rows:
            transposed = self._matrix(self.rows, self.size).T
            return [from_numpy(transposed @ given.numpy()) for given in vectors]
        rows, places = distinct_rows(self.rows, self.size)
        transposed = self._matrix(places, len(rows)).T
        found = from_numpy(rows)
        return [row_gradient(found, from_numpy(transposed @ given.numpy()), self.size) for given in vectors]

    def _matrix(self, columns: NDArray[np.int64], width: int) -> sparse.csr_matrix:
        return sparse.csr_matrix((self.weights, columns, self.starts), shape=(len(self.starts) - 1, width))


def row_gradient(rows: Tensor, values: Tensor, size: int) -> Tensor:
    """The sparse gradient (size, dim) of a table, with `values` (n, dim) at distinct ascending `rows` (n,)."""
    shape = (size, values.shape[1])
    return torch.sparse_coo_tensor(rows.unsqueeze(0), values, shape, is_coalesced=True, check_invariants=False)


def distinct_rows(indices: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each row of a table that occurs, once, and where every index finds its row among them.

    Marking rows of the table takes a fifth of the time of a sort.

    Args:
        indices: (n,), in [0, size).
        size: rows of the table.

    Returns:
        Rows (distinct,), ascending, and places (n,): `rows[places]` are the indices.
    """
    read = np.zeros(size, dtype=bool)
    read[indices] = True
    rows = np.flatnonzero(read)
    places = np.empty(size, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return rows, places[indices]
