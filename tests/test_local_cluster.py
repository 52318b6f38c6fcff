"""What the submitted run proves by itself: the jobs ship, and the training ranks ran on executors."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ralm.training.checkpoints import load_lookalike_spec, load_user_spec
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(2700)]


def test_the_ranks_ran_on_two_executors(tiny_run: Finished) -> None:
    def ranks(kind: str, load: Callable[[str], UserTrainingSpec | LookalikeTrainingSpec]) -> set[tuple[bool, int]]:
        trainings = [load(str(folder)).training for folder in Path(tiny_run.context().models(kind, "")).iterdir()]
        return {(training.local_mode, training.processes) for training in trainings}

    on_executors, in_the_driver = (False, 2), (True, 1)
    assert ranks("user", load_user_spec) == {on_executors}
    # The validation items are too few to choose a training by: the variant with the closed form keeps its start.
    assert ranks("lookalike", load_lookalike_spec) == {on_executors, in_the_driver}
    lines = [line for line in tiny_run.lines if "train_lookalike[ralm_average/1] as of" in line]
    assert re.search(r"[1-9][\d,]* rows, ", lines[-1])
