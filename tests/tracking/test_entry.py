"""Names and values as trackers take them."""

import json

from ralm.config import Config, load_config
from ralm.tracking.entry import LONGEST, allowed, parameters
from tests.finished import TINY


def test_settings_have_dotted_names() -> None:
    content = {"seed": 1, "lookalike": {"bias": None, "pooling": "attention"}, "items": ["a", "b"], "on": True}
    assert parameters(content) == {
        "seed": "1", "lookalike.pooling": "attention", "items": '["a", "b"]', "on": "true"
    }  # fmt: skip


def test_what_is_too_long_is_left_out() -> None:
    assert parameters({"short": "x" * LONGEST, "long": "x" * (LONGEST + 1)}).keys() == {"short"}


def test_every_setting_of_a_configuration_is_there() -> None:
    config: Config = load_config(TINY)
    found = parameters(config.model_dump(mode="json"))
    assert found["simulate.users"] == json.dumps(config.simulate.users if config.simulate else None)
    assert len(found) > 100


def test_names_of_figures() -> None:
    assert allowed("later_clicks@all/recall@5%/ralm - als") == "later_clicks_at_all/recall_at_5_percent/ralm - als"
    assert allowed("é:ü") == "___"
