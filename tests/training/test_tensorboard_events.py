"""What torch's SummaryWriter wrote is what is read back."""

from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from ralm.errors import MissingInputError
from ralm.training.tensorboard_events import Events


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(1_500):  # more than TensorBoard keeps by default
            writer.add_scalar("loss/train", 1 / (1 + step), step)
        for step in (2, 0, 1):
            writer.add_histogram("field/search", rng.normal(0, step, 5_000), step)
    with SummaryWriter(str(tmp_path), filename_suffix=".resumed") as writer:
        writer.add_scalar("loss/train", 9.0, 1_499)
        writer.add_scalar("loss/train", 8.0, 1_500)
    return tmp_path


def test_scalars_come_back_whole_and_a_rewritten_step_counts_once(folder: Path) -> None:
    events = Events(folder)
    assert events.scalar_tags == ["loss/train"]
    steps, values = events.scalars("loss/train")
    assert steps.tolist() == list(range(1_501))
    np.testing.assert_allclose(values, [*(1 / (1 + n) for n in range(1_499)), 9.0, 8.0], rtol=1e-6)


def test_histograms_come_back_with_finite_edges_and_all_counts(folder: Path) -> None:
    found = Events(folder).histograms("field/search")
    assert [histogram.step for histogram in found] == [0, 1, 2]
    for step, edges, counts in found:
        assert counts.sum() == 5_000
        assert edges.size == counts.size + 1
        assert np.isfinite(edges).all()
        assert (np.diff(edges) > 0).all()
        centres = (edges[1:] + edges[:-1]) / 2
        assert np.sqrt(np.average(centres**2, weights=counts)) == pytest.approx(step, abs=0.05 + 0.05 * step)


def test_what_is_missing_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(MissingInputError, match=r"'loss': not written; known: \['loss/train'\]"):
        Events(folder).scalars("loss")
    with pytest.raises(MissingInputError, match=r"known: \['field/search'\]"):
        Events(folder).histograms("loss/train")
    with pytest.raises(MissingInputError, match="none in"):
        Events(tmp_path_factory.mktemp("empty"))
