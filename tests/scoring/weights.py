"""Random look-alike weights in the layout of `export_weights`, and the score written as plain loops."""

import numpy as np


def random_weights(d=12, h=8, t=5, *, seed=0, sharpness=4.0, pooling="attention", user_bias=True, closed=False):
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    found = {
        "tower_weight": normal(h, d),
        "tower_bias": normal(h) * 0.1,
        "prelu": rng.uniform(0.1, 0.6, h).astype(np.float32),
        "attention_w": normal(h, h) * np.float32(sharpness / np.sqrt(h)),
        "global_v1": normal(t, h),
        "global_v2": normal(t),
        "alpha": np.float32(0.3),
        "beta": np.float32(0.7),
        "bias_weight": normal(d) * np.float32(0.01 if user_bias else 0),
        "temperature": np.float32(5),
        "offset": np.float32(-1),
        "closed": np.float32(0),
        "pooling": np.array(pooling),
    }
    if closed:
        arrays = {"mean": normal(d), "basis": normal(d, d), "between": np.abs(normal(d)), "prior": normal(d)}
        arrays |= {"axes": np.linalg.qr(normal(d, d))[0], "penalty": np.abs(normal(d)), "common": normal(d)}
        factors = normal(40, 3)
        arrays |= {"moment": factors.T @ factors, "outward": normal(d, 3), "numbers": np.float32([2, 5, 0.5, 0.7])}
        found |= {f"closed_{name}": array for name, array in arrays.items()}
        found["closed"] = np.float32(0.8)
    return found


def random_items(items=6, k=4, d=12, *, seed=1):
    """Centroids and sizes with absent clusters; the last item has no cluster at all."""
    rng = np.random.default_rng(seed)
    centroids = rng.normal(size=(items, k, d)).astype(np.float32)
    sizes = rng.integers(0, 4, (items, k)).astype(np.int32)
    sizes[:-1, 1] += 1
    sizes[-1] = 0
    centroids[sizes == 0] = 0
    return centroids, sizes


def loop_score(weights, x, centroids, sizes):
    """One user with one item: the formulas of the paper in float64."""
    w = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items() if name != "pooling"}
    unit = lambda v: v / max(np.linalg.norm(v), 1e-12)  # noqa: E731

    def tower(v):
        z = w["tower_weight"] @ v + w["tower_bias"]
        return unit(np.where(z >= 0, z, w["prelu"] * z))

    def softmax(logits):
        e = np.array(counts) * np.exp(np.array(logits) - max(logits))
        return e / e.sum()

    x, centroids = x.astype(np.float64), centroids.astype(np.float64)
    bias = w["bias_weight"] @ x
    present = [centroids[j] for j in range(len(sizes)) if sizes[j] > 0]
    counts = [sizes[j] for j in range(len(sizes)) if sizes[j] > 0]
    if not present:
        return bias
    if str(weights["pooling"]) == "average":
        present = [sum(s * c for s, c in zip(sizes, centroids, strict=True)) / sum(sizes)]
        counts = [1]
    e, seeds = tower(x), [tower(c) for c in present]
    closed = 0.0
    if "closed_mean" in w:
        n = sum(counts) if len(present) > 1 else sum(sizes)
        mean = sum(s * c for s, c in zip(sizes, centroids, strict=True)) / n
        z, s = ((v - w["closed_mean"]) @ w["closed_basis"] for v in (x, mean))
        post = w["closed_prior"] + n * w["closed_between"] / (n * w["closed_between"] + 1) * (s - w["closed_prior"])
        start, alpha, penalty, share = w["closed_numbers"]
        own = [c[int(start) : int(start) + 3] for c in centroids]
        left = w["closed_moment"] + penalty * n * np.eye(3)
        left += alpha * sum(s * np.outer(c, c) for s, c in zip(sizes, own, strict=True))
        line = np.linalg.solve(left, sum(s * c for s, c in zip(sizes, own, strict=True)))
        folded = n**2 / (n**2 + 50**2) * unit(w["closed_outward"] @ line)
        axes, members = w["closed_axes"].astype(float), [s for s in sizes if s > 0]
        zs = [(c - w["closed_mean"]) @ w["closed_basis"] for c, s in zip(centroids, sizes, strict=True) if s > 0]
        spread = np.eye(len(axes)) + (axes * 3 * w["closed_penalty"]) @ axes.T
        spread += 3 / n * sum(s * np.outer(own, own) for s, own in zip(members, zs, strict=True))
        fisher = np.linalg.solve(spread, sum(s * own for s, own in zip(members, zs, strict=True)))
        classifier = share * (n / (n + 50) / 2 * unit(fisher) + folded)
        ridged = (post @ w["closed_axes"] / (1 + w["closed_penalty"] * (20 / (n + 20)) ** 2)) @ w["closed_axes"].T
        closed = w["closed"] * (z @ unit(unit(ridged) + classifier + w["closed_common"]))
    b = softmax([w["global_v2"] @ np.tanh(w["global_v1"] @ s) for s in seeds])
    a = softmax([s @ w["attention_w"] @ e for s in seeds])
    together = lambda parts: unit(sum(p * s for p, s in zip(parts, seeds, strict=True)))  # noqa: E731
    return w["alpha"] * (e @ together(b)) + w["beta"] * (e @ together(a)) + closed + bias
