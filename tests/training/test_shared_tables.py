from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ralm.config import Training
from ralm.models import field_encoder, user_model
from ralm.training import loop
from ralm.training.checkpoints import load_user_model
from ralm.training.ranks import process_group
from ralm.training.row_adam import RowAdam
from ralm.training.shared_tables import SharedTables
from ralm.training.specs import UserTrainingSpec
from ralm.training.user import train_user_model
from tests.training.rank_processes import of_ranks
from tests.training.toy_data import user_rows, user_spec

# The last table belongs to an optimizer of dense gradients.
STEPS, SIZES = 6, ((50, 4), (50, 1), (2, 4), (31, 4))
SPARSE = 3


def start() -> nn.ModuleList:
    tables = [nn.Embedding(rows, dim, sparse=number < SPARSE) for number, (rows, dim) in enumerate(SIZES)]
    for table, (rows, dim) in zip(tables, SIZES, strict=True):
        table.weight.data.copy_(torch.linspace(-1, 1, rows * dim).reshape(rows, dim))
    return nn.ModuleList(tables)


def gradient(rank: int, step: int, table: int) -> Tensor:
    """What a rank has read; nothing in some steps, and rank 1 never reads the third table."""
    rows, dim = SIZES[table]
    torch.manual_seed(100 * rank + 10 * step + table)
    count = 0 if (rank + step) % 3 == 0 or (rank == 1 and table == 2) else 8
    return torch.sparse_coo_tensor(torch.randint(rows, (1, count)), torch.randn(count, dim), (rows, dim))


def steps_of_a_rank() -> tuple[list[Tensor], Tensor, Any]:
    """Tables after the steps, the mean dense gradient of the last one, and the states that rank 0 saves."""
    with process_group(Training()) as rank:
        model = start()
        weights = list(model.parameters())
        if rank.number:
            model[0].weight.data.fill_(9.0)  # rank 0's values count
        optimizer = RowAdam(weights[:SPARSE], lr=0.1)
        shared = SharedTables(model, rank, optimizer)
        for step in range(STEPS):
            for number, table in enumerate(weights):
                table.grad = gradient(rank.number, step, number)
            shared.step()
        shared.gather()
        dense = weights[-1].grad
        assert dense is not None
        return [table.detach() for table in weights], dense, optimizer.state_dict()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_ranks_step_on_their_rows_and_hold_equal_tables(tmp_path: Path, world: int) -> None:
    found = of_ranks(world, tmp_path / "ranks", steps_of_a_rank)
    tables = list(start().parameters())
    optimizer = torch.optim.SparseAdam(tables[:SPARSE], lr=0.1)

    def summed(step: int, number: int) -> Tensor:
        return torch.stack([gradient(rank, step, number) for rank in range(world)]).coalesce().sum(0)

    for step in range(STEPS):
        for number, table in enumerate(tables[:SPARSE]):
            table.grad = summed(step, number) / world
        optimizer.step()
    for number, table in enumerate(tables[:SPARSE]):
        torch.testing.assert_close(found[0][0][number], table.detach(), atol=1e-6, rtol=1e-5)
        for name, moment in optimizer.state[table].items():
            torch.testing.assert_close(found[0][2]["state"][number][name], moment)
    torch.testing.assert_close(found[0][1], summed(STEPS - 1, SPARSE).to_dense() / world)
    assert torch.equal(found[0][0][SPARSE], tables[SPARSE])
    for other in found[1:]:
        assert torch.equal(other[1], found[0][1])
        for number in range(len(SIZES)):
            assert torch.equal(other[0][number], found[0][0][number])


def train_with_sparse_tables(spec: UserTrainingSpec, last: int | None = None) -> dict[str, Any] | None:
    """A training whose tables of 20 rows and more have sparse gradients; it may end after an epoch."""
    field_encoder.SPARSE_ROWS = user_model.SPARSE_ROWS = 19
    if last is not None:
        worth, loop.Run._exhausted = loop.Run._exhausted, lambda run: run.epoch == last or worth(run)
    return train_user_model(spec)


@pytest.mark.long
@pytest.mark.slow
def test_a_training_goes_on_with_another_number_of_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whole-data batches: a step sees the same rows in one rank, two and four.
    spec = user_spec(tmp_path, batch_size=400, epochs=8)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"dropout": 0.0})})
    alone = spec.model_copy(update={"output": str(tmp_path / "alone")})
    for module in (field_encoder, user_model):
        monkeypatch.setattr(module, "SPARSE_ROWS", 19)
    expected = train_user_model(alone)
    of_ranks(4, tmp_path / "four", train_with_sparse_tables, spec, 3)
    of_ranks(2, tmp_path / "two", train_with_sparse_tables, spec, 6)
    result = train_user_model(spec)
    assert [entry["epoch"] for entry in result["history"]] == list(range(1, 9))
    got = [entry["val_loss"] for entry in result["history"]]
    assert got == pytest.approx([entry["val_loss"] for entry in expected["history"]], abs=1e-3)
    rows = {name: torch.from_numpy(values) for name, values in user_rows(50, 3).items()}
    users = [load_user_model(path).encode(rows).detach() for path in (spec.output, alone.output)]
    torch.testing.assert_close(*users, atol=5e-3, rtol=1e-2)
