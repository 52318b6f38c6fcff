"""Settings that follow from the data: the rules, what a configuration overrides, and what conf/ leaves to them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ralm.config import Config, load_config
from ralm.config.auto import choices, explain, is_auto, pending, resolve, sampled_negatives, written
from ralm.config.counts import DataCounts, DomainCounts
from ralm.config.rules import LENGTHS, RULES
from ralm.config.section import Section
from ralm.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
# What a newcomer writes: which files, which columns.
SHORT: dict[str, Any] = {
    "name": "mine",
    "ingest": {
        "users": {"path": "users", "columns": {"user_id": "u", "city": "city", "age": "age"}},
        "events": [
            {"path": "reads", "domain": "reading", "columns": {"user_id": "u", "feature_id": "i", "event_time": "t"}},
            {"path": "orders", "domain": "shopping", "columns": {"user_id": "u", "feature_id": "i", "event_time": "t"}},
        ],
        "impressions": {
            "path": "reads",
            "domain": "reading",
            "columns": {"user_id": "u", "item_id": "i", "shown_at": "t"},
        },
    },
}
# The sets that conf/ was tuned on by hand, as they are.
MOVIELENS = DataCounts(
    6_040, 6_040, 3_883, 3_000_000, 1_000_209, 700, 150, {"film": DomainCounts(6_040, 3_706, 400, 1_300)}
)
KUAIRAND = DataCounts(
    *(27_285, 27_000, 7_583, 166_932, 74_000, 25, 6),
    domains={
        "watch": DomainCounts(27_000, 7_583, 60),
        "long_watch": DomainCounts(25_000, 7_400, 45),
        "like": DomainCounts(5_000, 3_000, 8),
    },
)


def of_size(users: int) -> DataCounts:
    """Users who act a hundred times and click fifty times; items grow with the square root."""
    items = round(1_000 * (users / 1_000) ** 0.5)
    clicks = 50 * users
    domains = {name: DomainCounts(users, items, 100) for name in ("reading", "shopping")}
    return DataCounts(users, users, items, 3 * clicks, clicks, clicks // items, clicks // items // 10, domains)


def short(**changed: Any) -> Config:
    return Config.model_validate(SHORT | changed)


def test_few_lines_make_a_configuration() -> None:
    assert len(yaml.safe_dump(SHORT, default_flow_style=None, width=120).splitlines()) <= 16
    config = short()
    assert [field.domain for field in config.fields.history] == ["reading", "shopping"]
    assert [field.name for field in config.fields.categorical] == ["city", "age"]
    assert (config.fields.item_domains, config.fields.strong_domain) == (["reading"], "reading")
    assert [f.name for f in short(fields={"numeric": ["age"]}).fields.categorical] == ["city"]


def test_what_the_columns_cannot_say_is_asked_for() -> None:
    ingest = SHORT["ingest"]
    unnamed = {"path": "p", "columns": {"user_id": "u", "domain": "d", "feature_id": "i", "event_time": "t"}}
    with pytest.raises(ValueError, match=r"fields.history\s*Field required"):
        short(ingest=ingest | {"events": [unnamed, *ingest["events"]]})
    with pytest.raises(ValueError, match=r"fields.item_domains\s*Field required"):
        short(ingest=ingest | {"impressions": ingest["impressions"] | {"domain": "feed"}})


def test_every_key_that_may_be_auto_has_a_rule() -> None:
    def sections(config: Section, path: str = "") -> list[tuple[str, Section]]:
        inner = [(f"{path}{name}.", value) for name, value in vars(config).items() if isinstance(value, Section)]
        return [(path, config), *(found for name, value in inner for found in sections(value, name))]

    marked = {path + key for path, section in sections(short()) for key in section.sized_keys()}
    decided = {choice.key for choice in choices(short(), of_size(1_000))}
    assert marked == {key for key in decided if not key.startswith("fields.history")}
    assert RULES.keys() <= marked


def test_the_resolved_configuration_leaves_nothing_open_and_stays_as_it_is() -> None:
    resolved = resolve(short(), of_size(100_000))
    assert pending(resolved) == []
    assert resolve(resolved, of_size(1_000)) == resolved
    assert Config.model_validate(resolved.model_dump(mode="json")).digest() == resolved.digest()


def test_a_given_value_stays() -> None:
    config = short(lookalike={"clusters": 7, "batches_per_round": None}, comparison={"seeds": [3]}, objective="feed")
    resolved = resolve(config, dataclasses.replace(of_size(1_000), impressions=10**9))
    assert (resolved.lookalike.clusters, resolved.lookalike.batches_per_round) == (7, None)
    assert resolved.comparison.seeds == [3]
    assert resolved.lookalike.clicked_cap == 0
    kept = short(fields={"history": [{"domain": "reading", "length": 7}, "shopping"]})
    assert [f.length for f in resolve(kept, of_size(1_000)).fields.history] == [7, 100]


def test_auto_may_be_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SHORT | {"lookalike": {"clusters": "auto", "alpha": 0.5}}))
    config = load_config(path, ["user_training.epochs=auto", "objective=auto"])
    assert is_auto(config, "lookalike.clusters")
    assert is_auto(config, "user_training.epochs")
    assert is_auto(config, "objective")
    with pytest.raises(ConfigError, match=r"lookalike.alpha.*auto"):
        load_config(path, ["lookalike.alpha=auto"])


@given(st.integers(100, 10**9), st.integers(0, 40))
def test_a_night_with_some_more_users_rarely_changes_anything(users: int, permille: int) -> None:
    """Over a thousandfold growth each key changes a few times, so most nights change nothing."""
    one, other = (resolve(short(), of_size(n)) for n in (users, users + users * permille // 1_000))
    changed = [k for k in RULES if _value(one, k) != _value(other, k)]
    assert len(changed) <= 12  # even at a bound that many keys share


def _value(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = getattr(config, name)
    return config


@pytest.mark.parametrize("key", RULES)
def test_a_rule_gives_values_within_bounds_and_runs_one_way(key: str) -> None:
    seen = []
    for power in range(2, 10):
        for factor in (1, 3):
            seen.append(_value(resolve(short(), of_size(factor * 10**power)), key))
    runs = [value for number, value in enumerate(seen) if number == 0 or value != seen[number - 1]]
    assert len(runs) <= 8
    if key != "lookalike.hidden_dim":  # grows with the clicks, and is small again where users cost
        assert len({repr(value) for value in runs}) == len(runs), f"{key} returns to an earlier value: {runs}"


def test_the_rules_come_near_what_was_chosen_by_hand() -> None:
    films = resolve(load_config(CONF / "movielens.yaml"), MOVIELENS)
    assert films.objective == "audience"
    assert films.lookalike.clicked_cap == 1_000
    assert (films.user_model.dropout, films.user_model.field_dropout, films.user_model.hidden) == (0.6, 0.4, [])
    assert (films.user_training.epochs, films.user_training.patience, films.user_training.batch_size) == (20, 3, 64)
    assert (films.lookalike.clusters, films.lookalike.seed_draws, films.lookalike.hidden_dim) == (20, 4, 128)
    assert films.comparison.window == "all"
    assert films.fields.history[0].length == 1_000
    videos = resolve(load_config(CONF / "kuairand.yaml"), KUAIRAND)
    assert videos.objective == "feed"
    assert (videos.lookalike.clicked_cap, videos.lookalike.logq, videos.lookalike.user_bias) == (0, True, True)
    assert (videos.lookalike.clusters, videos.lookalike.min_seeds, videos.evaluation.min_labels) == (20, 5, 3)
    assert videos.user_model.representations == ["watch", "long_watch"]
    assert (videos.user_training.batch_size, videos.user_training.epochs) == (128, 10)
    assert (videos.lookalike_training.batch_size, videos.lookalike_training.epochs) == (256, 2)
    assert (videos.comparison.min_users, videos.comparison.seeds) == (20, [5, 10])
    assert [field.length for field in videos.fields.history] == [100, 50, 30]


def test_few_things_get_few_factors_and_single_fields_are_not_dropped() -> None:
    counts = dataclasses.replace(of_size(10_000), domains={"reading": DomainCounts(10_000, 50, 10)})
    assert resolve(short(), counts).baselines.als.factors == 8
    alone = SHORT["ingest"] | {"users": None}
    assert resolve(short(ingest=alone), of_size(1_000)).user_model.field_dropout == 0
    assert resolve(short(), of_size(1_000)).user_model.field_dropout == 0.4


def test_small_data_are_trained_in_few_epochs_and_a_billion_users_once() -> None:
    for users in (100, 943, 2_400):
        config = resolve(short(), of_size(users))
        assert config.user_training.epochs <= 20
        assert config.user_training.patience
        assert config.lookalike_training.epochs <= 4
        assert config.lookalike.batches_per_round is None
        assert config.lookalike.min_seeds == 5
    large = resolve(short(), of_size(10**9))
    assert large.user_training.epochs == large.lookalike_training.epochs == 1
    assert all(field.length <= 100 for field in large.fields.history)
    assert large.user_model.representations == ["reading"]


def test_a_history_holds_what_nearly_all_users_did() -> None:
    for entries, length in ((0, 30), (30, 30), (31, 50), (101, 200), (9_999, LENGTHS[-1])):
        counts = dataclasses.replace(of_size(1_000), domains={"reading": DomainCounts(9, 9, entries)})
        assert resolve(short(), counts).fields.history[0].length == length


def test_histories_of_the_most_active_are_whole_while_there_is_room() -> None:
    for users, length in ((99_999, 500), (100_000, 500), (999_999, 500), (1_000_000, 50), (10**9, 50)):
        counts = dataclasses.replace(of_size(users), domains={"reading": DomainCounts(users, 9, 40, 450)})
        assert resolve(short(), counts).fields.history[0].length == length
    for users, length in ((99_999, 1_000), (999_999, 500), (10**6, 300), (10**8, 100)):
        counts = dataclasses.replace(of_size(users), domains={"reading": DomainCounts(users, 9, 9_999, 9_999)})
        assert resolve(short(), counts).fields.history[0].length == length


def test_non_clicks_are_sampled_by_the_number_of_clicks() -> None:
    ingest = short().ingest
    assert ingest is not None
    assert [sampled_negatives(ingest, n, untimed=False).per_click for n in (10**5, 10**6, 10**7)] == [4, 2, 1]
    assert sampled_negatives(ingest, 1, untimed=False).slots == 10_000
    assert sampled_negatives(ingest, 1, untimed=True).slots == 100_000


def test_counts_are_kept_as_whole_numbers() -> None:
    kept = KUAIRAND.as_map()
    assert all(isinstance(value, int) for value in kept.values())
    assert DataCounts.from_map(kept) == KUAIRAND
    odd = dataclasses.replace(KUAIRAND, domains={"lost in space": DomainCounts(1, 2, 3)})
    assert DataCounts.from_map(odd.as_map()) == odd


def test_each_line_says_what_was_chosen_and_why() -> None:
    before = explain(short(lookalike={"clusters": 7}), None)
    assert "user_training.epochs = auto (set when the data are read)" in before
    assert 'objective = "audience" (auto: non-clicks are sampled)' in before
    after = explain(short(lookalike={"clusters": 7}), of_size(1_000))
    assert "user_training.epochs = 20 (auto: 1,000 active users)" in after
    assert "lookalike.clicked_cap = 1000 (auto: objective audience)" in after
    assert not any(line.startswith("lookalike.clusters") or "set when" in line for line in after)
    content = written(short(), None)
    assert content["user_training"]["epochs"] == content["fields"]["history"][0]["length"] == "auto"

    assert pending(Config.model_validate(content)) == pending(short())


def test_no_setting_of_a_configuration_is_a_model_setting() -> None:
    """Except in the world of the tests, whose golden tables hold for its own small numbers."""
    resources = {"processes", "local_mode", "device", "retries", "loader", "seed"}
    models = {"user_samples", "user_model", "lookalike", "baselines", "objective"}
    found = []
    for path in sorted(CONF.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = load_config(path)
        if path.stem == "tiny":
            assert pending(config) == []
            continue
        found += [f"{path.stem}: {name}" for name in models & content.keys()]
        for name in ("user_training", "lookalike_training"):
            found += [f"{path.stem}: {name}.{key}" for key in content.get(name, {}).keys() - resources]
        found += [f"{path.stem}: variants.{n}" for n, v in content.get("variants", {}).items() if v]
        decided = {choice.key for choice in choices(config, of_size(1_000))}
        every = {choice.key for choice in choices(short(ingest=None, simulate={}), of_size(1_000))}
        keys = {key for key in every if not key.startswith("fields.history")} - {"objective"}
        keys = {key for key in keys if key.rpartition(".")[2] not in resources}
        if {"crowds", "warm_up"} & set(config.comparison.protocols):
            keys -= {"comparison.seeds", "comparison.min_items"}  # a published protocol has numbers of its own
        found += [f"{path.stem}: {key}" for key in keys - decided]
        found += [f"{path.stem}: length of {f.domain}" for f in config.fields.history if "length" not in f.auto_keys]
    assert found == []


TABLE = re.compile(r"^\| `([a-z_.]+)` \| .* \| (.*) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)


def test_the_manual_shows_what_the_rules_give() -> None:
    text = (ROOT / "docs" / "manual.md").read_text(encoding="utf-8")
    shown = {key: cells for key, *cells in TABLE.findall(text)}
    wide = [resolve(short(fields={"history": ["reading", "shopping"]}), of_size(10**power)) for power in (3, 5, 7, 9)]
    assert RULES.keys() <= shown.keys()
    for key in RULES:
        assert shown[key] == [_cell(_value(config, key)) for config in wide], key


def _cell(value: Any) -> str:
    names = {None: "epochs", True: "true", False: "false"}
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value) if isinstance(value, (list, str, float)) else names[value]


def test_tiny_logs_are_said_to_be_tiny() -> None:
    two = DataCounts(users=2, active=2, items=2, impressions=4, clicks=2, usual=1, least=1)
    assert two.too_little(5) == (
        "2 clicks on 2 items: half of them are on items with fewer than 5, as many as an item needs "
        "(lookalike.min_seeds): there is little or nothing to learn from"
    )
    assert MOVIELENS.too_little(20) is None
