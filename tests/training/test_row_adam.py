import pytest
import torch
from torch import Tensor, nn

from ralm.training.row_adam import RowAdam

ROWS, DIM = 70_000, 3


def gradients(steps: int, reads: int) -> list[Tensor]:
    """Sparse gradients of 10⁻¹⁰ to 1 with rows that occur several times; one of them is empty."""
    torch.manual_seed(3)
    found = []
    for step in range(steps):
        count = 0 if step == 4 else reads
        rows = (ROWS ** torch.rand(1, count)).long()
        values = torch.randn(count, DIM) * 10.0 ** -torch.randint(0, 10, (count, 1))
        found.append(torch.sparse_coo_tensor(rows, values, (ROWS, DIM)))
    return found


def stepped(optimizer: torch.optim.Optimizer, table: nn.Parameter, steps: list[Tensor]) -> None:
    for gradient in steps:
        table.grad = gradient
        optimizer.step()


# 1,000,000 reads are some 60,000 rows of 3 values: more than are updated at once.
@pytest.mark.parametrize("reads", [30, 1_000_000])
def test_rows_move_as_under_torchs_sparse_adam(reads: int) -> None:
    start = torch.randn(ROWS, DIM)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer, reference = RowAdam([ours], lr=0.02), torch.optim.SparseAdam([theirs], lr=0.02)
    steps = gradients(12, reads)
    stepped(optimizer, ours, steps)
    stepped(reference, theirs, steps)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(optimizer.state[ours][name], reference.state[theirs][name])
    unread = torch.ones(ROWS, dtype=torch.bool)
    for gradient in steps:
        unread[gradient.coalesce().indices()[0]] = False
    assert unread.any()
    assert torch.equal(ours[unread], start[unread])


def test_it_goes_on_from_a_state_of_torchs_sparse_adam() -> None:
    start, steps = torch.randn(ROWS, DIM), gradients(10, 200)
    whole, resumed = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    reference, first = torch.optim.SparseAdam([whole], lr=0.02), torch.optim.SparseAdam([resumed], lr=0.02)
    stepped(reference, whole, steps)
    stepped(first, resumed, steps[:6])
    second = RowAdam([resumed], lr=0.5)
    second.load_state_dict(first.state_dict())
    stepped(second, resumed, steps[6:])
    torch.testing.assert_close(resumed, whole, atol=1e-6, rtol=1e-5)
