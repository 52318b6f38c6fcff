import numpy as np
import pytest
import torch

from ralm.models.merge import AttentionMerge, ConcatMerge


@pytest.fixture
def fields() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    vectors = torch.randn(6, 4, 5)
    present = torch.rand(6, 4) < 0.6
    present[0] = False
    present[1] = True
    return vectors, present


def test_attention_is_the_papers_formula_over_present_fields(fields) -> None:
    vectors, present = fields
    layer = AttentionMerge(fields=4, dim=5, attention_dim=3)
    torch.nn.init.normal_(layer.field_logit)
    torch.nn.init.normal_(layer.field_scale)
    merged, weights = layer(vectors, present)
    assert weights is not None
    w1, w2, c = (p.detach().numpy() for p in (layer.w1.weight, layer.w2.weight[0], layer.field_logit))
    scaled = (vectors * layer.field_scale[:, None]).detach().numpy()
    for row in range(6):
        there = [f for f in range(4) if present[row, f]]
        raw = [np.exp(w2 @ np.tanh(w1 @ scaled[row, f]) + c[f]) for f in there]
        expected = np.zeros(5)
        for f, value in zip(there, raw, strict=True):
            expected += 4 * value / sum(raw) * scaled[row, f]
            assert weights[row, f].item() == pytest.approx(value / sum(raw), abs=1e-6)
        np.testing.assert_allclose(merged[row].detach().numpy(), expected, atol=1e-5)
        assert all(weights[row, f] == 0 for f in range(4) if f not in there)


def test_a_residual_merge_is_the_attention_and_the_concatenation(fields) -> None:
    layer = AttentionMerge(4, 5, 3, residual=True)
    plain = AttentionMerge(4, 5, 3)
    plain.load_state_dict(layer.state_dict())
    merged, weights = layer(*fields)
    expected, same = plain(*fields)
    assert merged.shape == (6, layer.output_dim)
    torch.testing.assert_close(merged, torch.cat([expected, ConcatMerge(4, 5)(*fields)[0]], dim=1))
    torch.testing.assert_close(weights, same)


def test_absent_fields_do_not_matter_and_get_no_gradient(fields) -> None:
    vectors, present = fields
    for layer in (AttentionMerge(4, 5, 3), AttentionMerge(4, 5, 3, residual=True), ConcatMerge(4, 5)):
        other = torch.where(present.unsqueeze(-1), vectors, torch.randn_like(vectors) * 100)
        torch.testing.assert_close(layer(vectors, present)[0], layer(other, present)[0])
        leaf = vectors.clone().requires_grad_()
        layer(leaf, present)[0].square().sum().backward()
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()
        assert (leaf.grad[~present] == 0).all()
        assert (leaf.grad[1] != 0).any()


def test_dropped_fields_leave_the_softmax_in_training_only() -> None:
    torch.manual_seed(5)
    vectors, present = torch.randn(4_000, 4, 5), torch.ones(4_000, 4, dtype=torch.bool)
    layer = AttentionMerge(4, 5, 3, field_dropout=0.3)
    merged, weights = layer(vectors, present)
    assert weights is not None
    seen = weights > 0
    assert seen.float().mean().item() == pytest.approx(0.7, abs=0.01)
    torch.testing.assert_close(merged, layer.eval()(vectors, seen)[0])
    assert (layer(vectors, present)[1] > 0).all()


def test_nobody_without_fields_is_nan() -> None:
    merged, weights = AttentionMerge(4, 5, 3)(torch.randn(2, 4, 5), torch.zeros(2, 4, dtype=torch.bool))
    assert weights is not None
    assert (merged == 0).all()
    assert (weights == 0).all()


def test_concat_keeps_the_fields_side_by_side(fields) -> None:
    vectors, present = fields
    layer = ConcatMerge(4, 5)
    merged, weights = layer(vectors, present)
    assert weights is None
    assert merged.shape == (6, layer.output_dim)
    np.testing.assert_array_equal(merged[1].numpy(), np.concatenate(list(vectors[1].numpy())))
