"""What the run that all tests look at proves by itself: the jobs ship, and the training ranks ran on executors."""

from pathlib import Path

import pytest

from ralm.training.checkpoints import load_lookalike_spec, load_user_spec
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]


def test_the_ranks_ran_on_two_executors(tiny_run: Finished) -> None:
    for kind, load in (("user", load_user_spec), ("lookalike", load_lookalike_spec)):
        folders = list(Path(tiny_run.context().models(kind, "")).iterdir())
        assert folders
        for folder in folders:
            training = load(str(folder)).training
            assert (training.local_mode, training.processes) == (False, 2)
