import io

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from ralm.config import Lookalike
from ralm.models.lookalike import LookalikeModel
from ralm.models.losses import sample_users, users_softmax
from ralm.models.pooling import average_centroids, seeds_softmax
from ralm.models.weights import export_weights
from tests.models.multimodal import make_world


def unit(v):
    return v / max(np.linalg.norm(v), 1e-12)


def plain_score(w, x, centroids, sizes):
    """The formulas of `export_weights`, one number at a time."""
    if str(w["pooling"]) == "average":
        total = sum(s * c for s, c in zip(sizes, centroids, strict=True))
        centroids, sizes = [total / max(sum(sizes), 1)], [sum(sizes)]

    def tower(v):
        z = w["tower_weight"] @ v + w["tower_bias"]
        return unit(np.where(z >= 0, z, w["prelu"] * z))

    e = tower(x)
    there = [tower(c) for c, s in zip(centroids, sizes, strict=True) if s > 0]
    bias = float(w["bias_weight"] @ x)
    if not there:
        return bias
    counts = np.array([s for s in sizes if s > 0]) if len(there) > 1 else np.ones(1)
    b = counts * np.exp([w["global_v2"] @ np.tanh(w["global_v1"] @ E) for E in there])
    a = counts * np.exp([E @ w["attention_w"] @ e for E in there])
    G = unit(sum(p * E for p, E in zip(b / b.sum(), there, strict=True)))
    L = unit(sum(p * E for p, E in zip(a / a.sum(), there, strict=True)))
    return float(w["alpha"] * (e @ G) + w["beta"] * (e @ L)) + bias


def shaken(pooling, bias=True) -> LookalikeModel:
    """A model whose every parameter is away from its start."""
    torch.manual_seed(5)
    config = Lookalike(hidden_dim=6, attention_dim=3, user_bias=bias, alpha=0.4, beta=0.5)
    model = LookalikeModel(8, config, pooling)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("pooling", ["attention", "average"])
def test_exported_weights_give_the_models_score(pooling, bias) -> None:
    model = shaken(pooling, bias)
    file = io.BytesIO()
    np.savez(file, **export_weights(model))
    file.seek(0)
    weights = dict(np.load(file))
    assert all(v.dtype == np.float32 for k, v in weights.items() if k != "pooling")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 8)).astype(np.float32)
    centroids = rng.normal(size=(20, 5, 8)).astype(np.float32)
    sizes = rng.integers(0, 3, size=(20, 5)).astype(np.int32)
    sizes[0] = 0
    expected = [plain_score(weights, *row) for row in zip(x, centroids, sizes, strict=True)]
    args = torch.from_numpy(x), torch.from_numpy(centroids), torch.from_numpy(sizes)
    np.testing.assert_allclose(model.score(*args).detach().numpy(), expected, atol=2e-6)
    logits = weights["temperature"] * np.array(expected) + weights["offset"]
    np.testing.assert_allclose(model(*args).detach().numpy(), logits, atol=2e-5)


@pytest.mark.parametrize("pooling", ["attention", "average"])
def test_items_may_be_shared_and_users_compared(pooling) -> None:
    model = shaken(pooling)
    x, centroids = torch.randn(6, 8), torch.randn(3, 4, 8)
    sizes = torch.randint(0, 3, (3, 4), dtype=torch.int32)
    item = torch.tensor([0, 2, 1, 1, 0, 2])
    pairs = model(x, centroids[item], sizes[item])
    torch.testing.assert_close(model(x, centroids, sizes, item), pairs)
    rows, users = torch.tensor([1, 3]), torch.tensor([[1, 0, 5], [3, 2, 2]])
    compared = model(x, centroids, sizes, item[rows], users)
    for n, row in enumerate(rows.tolist()):
        for m, user in enumerate(users[n].tolist()):
            alone = model(x[user : user + 1], centroids, sizes, item[row : row + 1])
            assert compared[n, m].item() == pytest.approx(alone.item(), abs=1e-5)


@pytest.mark.parametrize("pooling", ["attention", "average"])
def test_absent_clusters_do_not_matter_and_nothing_is_nan(pooling) -> None:
    model = shaken(pooling)
    x, centroids = torch.randn(4, 8), torch.randn(4, 3, 8)
    sizes = torch.tensor([[3, 0, 2], [0, 0, 0], [1, 1, 1], [0, 5, 0]])
    other = torch.where((sizes > 0).unsqueeze(-1), centroids, 50 * torch.randn(4, 3, 8))
    torch.testing.assert_close(model.score(x, centroids, sizes), model.score(x, other, sizes))
    model.score(x, centroids, sizes).sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_average_is_the_mean_of_all_seeds() -> None:
    rng = np.random.default_rng(1)
    seeds = rng.normal(size=(30, 8)).astype(np.float32)
    cluster = rng.integers(0, 4, size=30)
    centroids = np.stack([seeds[cluster == j].mean(axis=0) for j in range(4)])
    sizes = np.bincount(cluster, minlength=4)
    mean, count = average_centroids(torch.from_numpy(centroids)[None], torch.from_numpy(sizes)[None])
    np.testing.assert_allclose(mean[0, 0].numpy(), seeds.mean(axis=0), atol=1e-6)
    assert count.item() == 30
    model = shaken("average", bias=False)
    x = torch.randn(1, 8)
    cosine = F.cosine_similarity(model.tower(x), model.tower(torch.from_numpy(seeds.mean(axis=0))[None]))
    got = model.score(x, torch.from_numpy(centroids)[None], torch.from_numpy(sizes)[None])
    assert got.item() == pytest.approx(0.9 * cosine.item(), abs=1e-5)


def test_a_single_cluster_makes_attention_the_average() -> None:
    model = shaken("attention", bias=False)
    x, centroid = torch.randn(5, 8), torch.randn(5, 1, 8)
    cosine = F.cosine_similarity(model.tower(x), model.tower(centroid[:, 0]))
    torch.testing.assert_close(model.score(x, centroid, torch.ones(5, 1)), 0.9 * cosine)


def test_seeds_softmax_is_attention_over_every_seed() -> None:
    logits, sizes = torch.tensor([1.0, 5.0, -2.0, 0.0]), torch.tensor([3, 0, 1, 2])
    weights = seeds_softmax(logits, sizes)
    every_seed = torch.tensor([1.0, 1.0, 1.0, -2.0, 0.0, 0.0]).softmax(0)  # each seed has its cluster's logit
    expected = torch.stack([every_seed[:3].sum(), torch.tensor(0.0), every_seed[3], every_seed[4:].sum()])
    torch.testing.assert_close(weights, expected)
    assert not seeds_softmax(logits, torch.zeros(4, dtype=torch.int32)).any()


def learn(pooling, loss, steps=150, batch=256) -> tuple[float, float]:
    """AUC on fresh pairs before and after training."""
    torch.manual_seed(0)
    train, test = make_world(200, steps * batch, seed=1, noise=0.1), make_world(200, 5_000, seed=2, noise=0.1)
    model = LookalikeModel(4, Lookalike(hidden_dim=32, loss=loss, dropout=0.0), pooling)
    optimizer = torch.optim.Adam(model.parameter_groups(1e-2, 0.0))

    def auc() -> float:
        tensors = (torch.from_numpy(a) for a in (test.embedding, test.centroids, test.sizes, test.item))
        with torch.no_grad():
            return float(roc_auc_score(test.label, model.score(*tensors).numpy()))

    before = auc()
    centroids, sizes = torch.from_numpy(train.centroids), torch.from_numpy(train.sizes)
    for step in range(steps):
        x, item, label = (
            torch.from_numpy(a[step * batch : (step + 1) * batch]) for a in (train.embedding, train.item, train.label)
        )
        if loss == "sigmoid":
            value = F.binary_cross_entropy_with_logits(model(x, centroids, sizes, item), label)
        else:
            rows, users, valid = sample_users(label, item, 10)
            value = users_softmax(model(x, centroids, sizes, item[rows], users), valid)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return before, auc()


@pytest.mark.parametrize("loss", ["sigmoid", "multiclass"])
def test_attention_learns_items_of_several_interests_where_the_average_cannot(loss) -> None:
    before, attention = learn("attention", loss)
    _, average = learn("average", loss)
    assert attention > 0.95
    assert attention > before + 0.02
    assert average < 0.85
