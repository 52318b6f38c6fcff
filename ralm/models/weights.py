"""A trained look-alike model as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ralm.models.lookalike import LookalikeModel
from ralm.models.plda import PREFIX


def export_weights(model: LookalikeModel) -> dict[str, NDArray[np.generic]]:
    """The trained weights as plain arrays, for scorers, which do not import the model; `np.savez(path, **weights)`.

    Returns:
        Name -> array. Float arrays are float32, scalars have shape (); all these names are always present:

        ============== ========= =====================================================================
        tower_weight   (h, d)
        tower_bias     (h,)
        prelu          (h,)      slope below zero, one per channel
        attention_w    (h, h)    W of the local attention, its sharpness multiplied in
        global_v1      (t, h)
        global_v2      (t,)
        alpha, beta    ()
        bias_weight    (d,)      zeros without `user_bias`
        closed         ()        weight of the closed form; 0 without it
        temperature    ()        only for logits, not part of the score
        offset         ()        only for logits, not part of the score
        pooling        ()        unicode string, 'attention' or 'average'
        ============== ========= =====================================================================

    and with the closed form also `closed_mean` (d,), `closed_basis` (d, d), `closed_between` (d,), `closed_prior` (d,),
    `closed_axes` (d, d), `closed_penalty` (d,) and `closed_common` (d,), as in `ralm.models.plda`, and `closed_moment`
    (f, f), `closed_outward` (d, f), `closed_numbers` (4,), `closed_levels` (r,) and `closed_along` (d, r), as in
    `ralm.models.item_classifier` (f = 0, r = 0: none).

    With norm(v) = v / max(‖v‖₂, 1e-12) along the last axis, a user's raw embedding x (d,), an item's raw centroids
    c_1 … c_k (d,) and sizes s_1 … s_k, the score is::

        if pooling == 'average':                    the mean of all seeds is a single cluster of the item
            c = [ Σ_j s_j c_j / max(Σ_j s_j, 1) ],  s = [ Σ_j s_j ],  k = 1
        tower(v) = norm(prelu(tower_weight v + tower_bias)),   prelu(z) = z if z >= 0 else prelu · z
        e   = tower(x)                              (h,)
        E_j = tower(c_j)                            (k, h)
        absent clusters (s_j = 0) get weight 0 in both softmaxes; if all are absent, both cosines are 0
        b = softmax_j(global_v2 · tanh(global_v1 E_j) + ln s_j),   G = norm(Σ_j b_j E_j)
        a = softmax_j(E_jᵀ attention_w e + ln s_j),                L = norm(Σ_j a_j E_j)
        n = Σ_j s_j,  s = Σ_j s_j c_j / n;  z · v is the score of `ralm.models.plda`; 0 if all clusters are absent
        score  = closed · (z · v) + alpha · (e · G) + beta · (e · L) + bias_weight · x
        logits = temperature · score + offset       (click probability = sigmoid(logits))

    With pooling 'average' k is 1 and both softmaxes are 1: the score is (alpha + beta) e·E_1 + bias_weight · x; the
    attention arrays are then an identity and zeros.
    """
    config = model.config
    width = config.hidden_dim
    kept_global, kept_local, kept_bias = model.kept.tolist() if model.closed_form else (1.0, 1.0, 1.0)
    attention = model.attention_weight if model.closed_form else torch.ones(())
    if model.pooling == "attention":
        attention_w: Tensor = model.log_sharpness.exp() * model.attention_w
        global_v1: Tensor = model.global_v1
        global_v2: Tensor = model.global_v2
    else:
        attention_w = torch.eye(width)
        global_v1, global_v2 = torch.zeros(config.attention_dim, width), torch.zeros(config.attention_dim)
    tensors = {
        "tower_weight": model.linear.weight,
        "tower_bias": model.linear.bias,
        "prelu": model.prelu.weight,
        "attention_w": attention_w,
        "global_v1": global_v1,
        "global_v2": global_v2,
        "alpha": attention * config.alpha * kept_global,
        "beta": attention * config.beta * kept_local,
        "bias_weight": model.bias_weight * kept_bias if config.user_bias else torch.zeros(model.input_dim),
        "closed": torch.tensor(float(model.closed_form)),
        "temperature": model.log_temperature.exp(),
        "offset": model.offset,
    }
    if model.closed_form:
        tensors |= {name: buffer for name, buffer in model.named_buffers() if name.startswith(PREFIX)}
    arrays: dict[str, NDArray[np.generic]] = {
        name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in tensors.items()
    }
    return arrays | {"pooling": np.array(model.pooling)}


def centred(weights: Mapping[str, NDArray[Any]], mean: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Weights with a closed form, their closed form and tower centred on other users.

    Args:
        weights: of `export_weights`.
        mean: (d,), the users' mean raw embedding.
    """
    moved = weights["tower_weight"] @ (mean - weights["closed_mean"])
    return {**weights, "closed_mean": mean, "tower_bias": weights["tower_bias"] - moved}
