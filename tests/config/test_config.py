"""The configuration: every mistake is one line that names the key, what was found and what is expected."""

import datetime as dt
import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml

from jobs.steps import nightly
from jobs.steps.evaluation.compare import families
from jobs.steps.lookalike.variants import final_step
from ralm.config import Dates, load_config
from ralm.errors import ConfigError, MissingInputError
from ralm.runs.context import Context

TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"


@pytest.mark.parametrize("path", sorted(TINY.parent.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_config(path).name == path.stem


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("lookalike.clusterz=3", ["lookalike.clusterz", "unknown key"]),
        ("lookalike.clusters=0", ["lookalike.clusters", "greater than or equal to 1", "0"]),
        ("evaluation.new_item_share=1.5", ["evaluation.new_item_share", "1.5"]),
        ("user_model.representations=[cooking]", ["user_model.representations", "'cooking'", "reading"]),
        ("fields.strong_domain=cooking", ["strong_domain", "'cooking'"]),
        ("dates.a0=0.9", ["dates", "a0 < a1 < a2", "0.9"]),
        ("lookalike={alpha: 0, beta: 0}", ["alpha + beta"]),
        ("variants.ralm={settings: {clusterz: 3}}", ["variants.ralm.settings.clusterz", "unknown key"]),
        ("variants.ralm={settings: {clusters: 0}}", ["variants.ralm.settings.clusters", "greater than or equal to 1"]),
        (
            "variants.ralm={settings: {min_seeds: 3}}",
            ["variants.ralm.settings", "'min_seeds'", "set them in lookalike"],
        ),
        ("user_training.loader=csv", ["user_training.loader", "petastorm"]),
        ("simulate=null", ["exactly one of `ingest` and `simulate`"]),
        ("publish.require=[oracle]", ["publish.require", "user_activity", "oracle"]),
        ("evaluation=5", ["evaluation"]),
        ("comparison={protocols: [crowds], split: validation}", ["comparison", "crowds", "split: test"]),
        ("nonsense", ["section.key=value"]),
        ("name.x=1", ["'name' is not a section"]),
    ],
)
def test_a_mistake_is_named_in_one_line(assignment: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(TINY, [assignment])
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert caught.value.exit_code == 2


def test_a_missing_file_has_its_own_exit_code(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="No such file") as caught:
        load_config(tmp_path / "none.yaml")
    assert caught.value.exit_code == 4


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(tmp_path / "bad.yaml")


def test_assignments_override_the_file_and_are_typed() -> None:
    config = load_config(TINY, ["lookalike.clusters=7", "dates={a0: 2024-01-02, a1: 2024-01-03, a2: 2024-01-04}"])
    assert config.lookalike.clusters == 7
    assert config.dates.a1 == dt.date(2024, 1, 3)


def test_the_digest_changes_with_its_sections_only() -> None:
    one, other = load_config(TINY), load_config(TINY, ["lookalike.clusters=7"])
    assert one.digest("fields") == other.digest("fields")
    assert one.digest("fields", "lookalike") != other.digest("fields", "lookalike")


def test_a_variants_settings_are_its_own_and_in_no_others_digest() -> None:
    plain = load_config(TINY, ["variants={ralm: {}}"])
    config = load_config(TINY, ["variants={ralm: {}, k5: {settings: {clusters: 5, rounds: 1}, merge: concat}}"])
    found = {name: config.variants[name].lookalike(config.lookalike) for name in config.variants}
    assert found["ralm"] == config.lookalike
    assert found["k5"] == config.lookalike.model_copy(update={"clusters": 5, "rounds": 1})
    assert config.digest("variants.ralm") == plain.digest("variants.ralm") != config.digest("variants.k5")
    assert config.digest("variants") != plain.digest("variants")


def test_one_model_is_trained_unless_others_are_asked_for() -> None:
    content = yaml.safe_load((TINY.parent / "demo.yaml").read_text(encoding="utf-8"))
    assert "variants" not in content
    assert list(load_config(TINY.parent / "demo.yaml").variants) == ["ralm"]


def test_the_ablations_change_what_they_are_named_after() -> None:
    text = (TINY.parent / "variants" / "ablations.yaml").read_text(encoding="utf-8")
    config = load_config(TINY, [f"variants={text}", "comparison.systems=variants"])
    found = {name: variant.lookalike(config.lookalike) for name, variant in config.variants.items()}
    assert [found[f"k{k}"].clusters for k in (5, 10, 20, 50, 100)] == [5, 10, 20, 50, 100]
    assert (found["global_only"].alpha, found["global_only"].beta) == (1, 0)
    assert (found["local_only"].alpha, found["local_only"].beta) == (0, 1)
    assert [found[name].user_bias for name in ("user_bias", "no_user_bias")] == [True, False]
    assert [found[name].rounds for name in ("ralm", "one_round")] == [2, 1]
    assert config.variants["ralm_average"].pooling == "average"
    assert config.variants["ralm_concat"].merge == "concat"
    assert [entry.name for entry in families(config)[0].systems(config)] == list(config.variants)


def test_make_ablations_makes_what_a_night_of_one_variant_has_not() -> None:
    """Each step of its jobs finds what it depends on in the night before, or in an earlier job."""
    root = TINY.parents[1]
    recipe = re.search(r"^ablations:.*\n\t@for job in ([a-z_ ]+);", (root / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    *jobs, last = recipe[1].split()
    assert last == "compare"
    text = (root / "conf" / "variants" / "ablations.yaml").read_text(encoding="utf-8")
    night, asked = (
        cast(Context, SimpleNamespace(config=given, given=given))
        for given in (load_config(TINY, [f"variants={variants}"]) for variants in ("{ralm: {}}", text))
    )
    done = {(step.name, step.as_of) for step in nightly.steps(night)}
    made = {job: importlib.import_module(f"jobs.{job}") for job in jobs}
    for job, module in made.items():
        for step in getattr(module, "all_steps" if job == "embed_users" else "steps")(asked):
            assert set(step.after) <= done, (job, step.name)
            done.add((step.name, step.as_of))
    assert all((final_step(asked.config, variant), "a1") in done for variant in asked.config.variants)


def test_dates_are_all_given_or_all_shares() -> None:
    with pytest.raises(ValueError, match="all dates or all shares"):
        Dates(a0=dt.date(2024, 1, 1), a1=0.5, a2=0.7)


def test_the_evaluation_can_be_switched_off_as_a_whole() -> None:
    assert load_config(TINY).evaluation.judge
    off = load_config(TINY, ["evaluation=off"])
    assert not off.evaluation.judge
    assert load_config(TINY, ["evaluation.judge=off"]).evaluation.new_item_share == 0.3
    assert load_config(TINY, ["evaluation=on"]).evaluation.judge
    # Nothing is trained again: what is trained depends on the held-out items alone.
    judged = load_config(TINY)
    same = load_config(TINY, ["evaluation.judge=off", "evaluation.min_labels=9", "publish.require=[chance]"])
    assert same.digest("evaluation.new_item_share", "fields") == judged.digest("evaluation.new_item_share", "fields")
    assert same.digest("evaluation") != judged.digest("evaluation")


def test_a_release_is_required_to_be_ahead_by_default(tmp_path: Path) -> None:
    assert load_config(TINY.with_name("demo.yaml")).publish.require == ["user_activity", "chance"]
    assert load_config(TINY.with_name("demo.yaml"), ["publish.require=none"]).publish.require == "none"


def test_items_need_not_be_in_any_behaviour_domain() -> None:
    assert load_config(TINY, ["fields.item_domains=[]"]).fields.item_domains == []


def test_a_single_source_of_events_needs_no_list(tmp_path: Path) -> None:
    events = "{path: views.csv, domain: page, columns: {user_id: u, feature_id: p, event_time: t}}"
    shown = "{path: shown.csv, columns: {user_id: u, item_id: i, shown_at: t}}"
    path = tmp_path / "mine.yaml"
    found = []
    for given in (events, f"[{events}]"):
        path.write_text(f"name: mine\ningest:\n  events: {given}\n  impressions: {shown}\n")
        found.append(load_config(path))
    assert found[0] == found[1]
    assert found[0].fields.strong_domain == "page"
