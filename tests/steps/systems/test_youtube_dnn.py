"""Which items YouTube DNN can score, and when there is such a system at all."""

from collections.abc import Callable

import numpy as np
import pytest

from jobs.steps.systems.contract import Prepared, System
from jobs.steps.systems.registry import systems
from ralm.config import Config
from ralm.runs.context import Context
from tests.steps.conftest import Asked, scores, seeds_of
from tests.steps.toy import CONFIG


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.slow
def test_an_item_outside_the_vocabulary_has_no_candidates(
    toy: Context, prepare: Callable[[System, Asked], Prepared]
) -> None:
    system = systems(toy.config)["youtube_dnn"]
    assert not system.new_items
    prepared = prepare(system, {"unheard of": seeds_of(1, 10), "g2i0": seeds_of(2, 12)})
    assert prepared.counts == {"items of its training": 1}
    found = np.array(list(scores(prepared).values()))
    assert np.isneginf(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({}, True),
        ({"variants": {"ralm": {}}}, False),  # no concat model
        ({"user_model": {"representations": ["shopping"]}}, False),  # whose features are not items
    ],
)
def test_it_is_there_where_a_concat_model_knows_items(change: dict[str, object], there: bool) -> None:
    assert ("youtube_dnn" in systems(Config.model_validate(CONFIG | {"data_root": "."} | change))) is there
