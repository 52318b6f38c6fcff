import numpy as np
import pytest
import torch

from ralm.config import UserModel as UserModelConfig
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.models import field_encoder
from ralm.models.field_encoder import FieldEncoder
from ralm.models.user_model import UserModel

FIELDS = UserFields(
    histories=[HistorySpec(domain="reading", length=4, size=20), HistorySpec(domain="search", length=3, size=12)],
    categories=[CategorySpec(name="city", size=5)],
    numerics=["age", "days"],
)
CONFIG = UserModelConfig(representations=["reading"], field_dim=6, attention_dim=3, hidden=[8], user_dim=4)


def batch(rows: int = 7, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    made = {
        "history_reading": torch.randint(0, 20, (rows, 4), generator=g),
        "history_search": torch.randint(0, 12, (rows, 3), generator=g),
        "category_city": torch.randint(0, 5, (rows,), generator=g),
        "numeric": torch.randn(rows, 2, generator=g),
        "positives": torch.randint(1, 20, (rows, 2), generator=g),
        "negatives": torch.randint(1, 20, (rows, 6), generator=g),
    }
    made["history_reading"][0] = 0
    made["category_city"][1] = 0
    made["history_search"][2] = torch.tensor([5, 0, 0])
    return made


def test_field_vectors_are_averages_lookups_and_projections() -> None:
    torch.manual_seed(0)
    encoder = FieldEncoder(FIELDS, dim=6)
    columns = batch()
    vectors, present = encoder(columns)
    assert vectors.shape == (7, 4, 6)
    table = encoder.histories["history_reading"].weight.detach().numpy()
    city = encoder.categories["category_city"].weight.detach().numpy()
    assert encoder.numeric is not None
    for row in range(7):
        entries = [table[i] for i in columns["history_reading"][row].tolist() if i != 0]
        expected = np.mean(entries, axis=0) if entries else np.zeros(6)
        np.testing.assert_allclose(vectors[row, 0].detach().numpy(), expected, atol=1e-6)
        np.testing.assert_allclose(vectors[row, 2].detach().numpy(), city[columns["category_city"][row]], atol=1e-6)
        projected = encoder.numeric.weight @ columns["numeric"][row] + encoder.numeric.bias
        torch.testing.assert_close(vectors[row, 3], projected)
        assert present[row].tolist() == [
            bool(entries),
            bool(columns["history_search"][row].any()),
            columns["category_city"][row].item() != 0,
            True,
        ]
    assert not present[0, 0]
    assert not present[1, 2]


def test_a_scalar_numeric_column_may_come_flat() -> None:
    fields = FIELDS.model_copy(update={"numerics": ["age"]})
    encoder = FieldEncoder(fields, dim=6)
    columns = batch() | {"numeric": torch.randn(7)}
    assert encoder(columns)[0].shape == (7, 4, 6)


@pytest.mark.parametrize("merge", ["attention", "concat"])
def test_logits_are_dot_products_with_the_item_table(merge) -> None:
    torch.manual_seed(1)
    model = UserModel(FIELDS, CONFIG, merge, item_count=20).eval()
    columns = batch()
    with torch.no_grad():
        user = model.encode(columns)
        logits, indices = model(columns)
    assert user.shape == (7, 4)
    assert logits.shape == indices.shape == (7, 2, 4)
    for row in range(7):
        for j in range(2):
            flat = columns["negatives"][row, 3 * j : 3 * (j + 1)].tolist()
            assert indices[row, j].tolist() == [columns["positives"][row, j].item(), *flat]
            for n, item in enumerate(indices[row, j].tolist()):
                assert logits[row, j, n].item() == pytest.approx(
                    float(user[row] @ model.items.weight[item].detach()), abs=1e-5
                )


@pytest.mark.parametrize("merge", ["attention", "concat"])
def test_every_parameter_learns_and_padding_does_not(merge) -> None:
    torch.manual_seed(1)
    model = UserModel(FIELDS, CONFIG, merge, item_count=20)
    model.loss(*model(batch(rows=40))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (model.items.weight.grad[0] == 0).all()  # type: ignore[index]
    for table in model.encoder.histories.values():
        assert (table.weight.grad[0] == 0).all()


def test_sparse_gradients_are_the_dense_ones(monkeypatch) -> None:
    monkeypatch.setattr(field_encoder, "SPARSE_ROWS", 10)
    monkeypatch.setattr("ralm.models.user_model.SPARSE_ROWS", 10)
    torch.manual_seed(2)
    dense = UserModel(FIELDS, CONFIG, "attention", item_count=20)
    sparse = UserModel(FIELDS, CONFIG, "attention", item_count=20, sparse=True)
    sparse.load_state_dict(dense.state_dict())
    for model in (dense, sparse):
        model.loss(*model(batch())).backward()
    found = sparse.parameter_groups()[1]
    assert len(found) == 4  # reading, search, items and their biases; the city table is small
    for (name, a), b in zip(dense.named_parameters(), sparse.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert b.grad.is_sparse == any(b is p for p in found)
        torch.testing.assert_close(a.grad, b.grad.to_dense(), msg=name)
