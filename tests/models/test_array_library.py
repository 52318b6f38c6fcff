"""One formula gives the same for numpy's arrays and torch's tensors, in the precision of either."""

import numpy as np
import torch
from sklearn.preprocessing import normalize

from ralm.baselines.fold_in import closed_form
from ralm.models.array_library import double, library, unit
from ralm.models.plda import fit_plda

RNG = np.random.default_rng(8)


def test_the_library_is_the_one_that_made_the_array() -> None:
    assert library(np.zeros(2)) is np
    assert library(torch.zeros(2)) is library(torch.nn.Parameter(torch.zeros(2))) is torch
    assert double(np.zeros(2, np.float32)).dtype == np.float64
    assert double(torch.zeros(2, dtype=torch.int32)).dtype == torch.float64


def test_unit_vectors_are_those_of_scikit_learn() -> None:
    vectors = np.vstack([RNG.normal(size=(5, 3)), np.zeros(3)])
    np.testing.assert_allclose(unit(vectors), normalize(vectors))
    np.testing.assert_allclose(unit(torch.from_numpy(vectors)).numpy(), normalize(vectors))


def test_the_fold_in_of_tensors_solves_its_normal_equations() -> None:
    """Σ_j c_j (p_j − x·y_j) y_j = λ n x, without the matrices of the closed form."""
    factors, alpha, regularisation = RNG.normal(size=(30, 4)), 20.0, 0.3
    own = factors[:6]
    arrays = factors.T @ factors, (own.T @ own)[None], own.sum(axis=0)[None], np.array([6])
    x = closed_form(*map(torch.from_numpy, arrays), alpha, regularisation).numpy()[0]
    acted = np.arange(30) < 6
    residual = (1 + alpha * acted) * (acted - factors @ x)
    np.testing.assert_allclose(residual @ factors, regularisation * 6 * x, atol=1e-9)


def test_directions_of_tensors_keep_their_precision_and_those_of_arrays_theirs() -> None:
    users = RNG.normal(size=(400, 5))
    model = fit_plda(users, users[:20], np.full(20, 5)).with_common(0.5)
    tensors = type(model)(*(torch.from_numpy(part.astype(np.float32)) for part in vars(model).values()))
    seeds, counts = users[20:23].astype(np.float32), np.array([3, 40, 0])
    exact, single = model.directions(seeds, counts), tensors.directions(*map(torch.from_numpy, (seeds, counts)))
    assert (exact.dtype, single.dtype) == (np.float64, torch.float32)
    np.testing.assert_allclose(single.numpy(), exact, atol=1e-5)
    assert not exact[2].any()
