import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ralm.models.row_products import MeanOfRows, SampledLogits
from ralm.models.row_reads import distinct_rows


@given(st.integers(1, 50).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1), max_size=80))))
def test_distinct_rows_are_those_of_a_sort(case: tuple[int, list[int]]) -> None:
    size, indices = case
    rows, places = distinct_rows(np.array(indices, dtype=np.int64), size)
    expected, inverse = np.unique(np.array(indices, dtype=np.int64), return_inverse=True)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(places, inverse)


# More users than are multiplied at once.
@pytest.mark.parametrize("users", [1, 200])
@pytest.mark.parametrize("as_rows", [False, True])
def test_logits_and_gradients_are_those_of_two_embeddings(users: int, as_rows: bool) -> None:
    torch.manual_seed(5)
    indices = torch.randint(0, 40, (users, 7))  # row 0, padding, is among them
    user, items, bias = torch.randn(users, 5), torch.randn(40, 5), torch.randn(40, 1)
    items[0] = bias[0] = 0.0
    weights = torch.randn(users, 7)

    ours = [nn.Parameter(tensor.clone()) for tensor in (user, items, bias)]
    logits = SampledLogits.apply(*ours, indices, as_rows)
    (logits * weights).sum().backward()
    theirs = [nn.Parameter(tensor.clone()) for tensor in (user, items, bias)]
    vectors, biases = (F.embedding(indices, table, padding_idx=0) for table in theirs[1:])
    expected = torch.einsum("bd,bnd->bn", theirs[0], vectors) + biases.squeeze(-1)
    (expected * weights).sum().backward()

    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    for own, other in zip(ours, theirs, strict=True):
        assert own.grad is not None
        torch.testing.assert_close(own.grad.to_dense(), other.grad, atol=1e-5, rtol=1e-5)
    assert [own.grad.is_sparse for own in ours] == [False, as_rows, as_rows]  # type: ignore[union-attr]
    if as_rows:
        assert torch.equal(ours[1].grad._indices()[0], indices.unique())  # type: ignore[union-attr]


@pytest.mark.parametrize("as_rows", [False, True])
def test_means_and_gradients_are_those_of_an_embedding_bag(as_rows: bool) -> None:
    torch.manual_seed(5)
    indices = torch.randint(0, 40, (200, 6)) * (torch.rand(200, 6) < 0.5)  # half of it padding, some users have none
    table, weights = torch.randn(40, 5), torch.randn(200, 5)
    ours, theirs = nn.Parameter(table.clone()), nn.Parameter(table.clone())
    means = MeanOfRows.apply(ours, indices, as_rows)
    (means * weights).sum().backward()
    expected = F.embedding_bag(indices, theirs, mode="mean", padding_idx=0)
    (expected * weights).sum().backward()
    assert (indices == 0).all(dim=1).any()
    torch.testing.assert_close(means, expected)
    assert ours.grad is not None
    assert ours.grad.is_sparse == as_rows
    torch.testing.assert_close(ours.grad.to_dense(), theirs.grad, atol=1e-5, rtol=1e-5)


def test_rows_that_a_table_does_not_have_are_refused() -> None:
    for indices in ([[1, 5]], [[1, -1]]):
        with pytest.raises(IndexError, match="of 5 rows"):
            MeanOfRows.apply(torch.randn(5, 2), torch.tensor(indices), False)
