"""Reports on audiences of the toy world, whose four groups of users are known."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.audience_report import options
from jobs.steps.audience_reports import report
from jobs.steps.audience_reports.request import Asked
from jobs.steps.audience_reports.who import readable
from jobs.steps.audiences import own_list
from jobs.steps.sources.item_names import ItemName, item_names, shown_name
from jobs.steps.users.vocabularies import load_sizes
from ralm.baselines.feature_space import FeatureSpace
from ralm.config import Config
from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.reports import features_of_people, features_of_user, of_audience
from ralm.report.audience_page import page_name
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.steps.conftest import seeds_of
from tests.steps.toy import GROUPS, features_of, group_of, users

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2700)]
LISTS = {
    "good": seeds_of(1, 40),
    "eight": seeds_of(1, 8),
    "random": np.random.default_rng(1).choice(users(), 48, replace=False).tolist(),
    "mixed": [*seeds_of(1, 45), *seeds_of(2, 45)],
}
VERDICTS = {"good": "good", "eight": "too few", "random": "too generic", "mixed": "several groups"}


@dataclass(frozen=True)
class Tables:
    """The toy world as a notebook sees it."""

    context: Context

    @property
    def as_of(self) -> dt.date:
        return self.context.dates.a3

    def table(self, name: str) -> DataFrame:
        return self.context.warehouse.read(name)


@pytest.fixture(scope="module")
def made(toy: Context, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Asked], list[str]]:
    """Extends the four lists and the items, and runs reports."""
    content = toy.config.model_dump(mode="json")
    content["scoring"] |= {"audience": {"mode": "top_n", "top_n": 20}}
    config = Config.model_validate(content)
    folder = tmp_path_factory.mktemp("lists")

    def run(steps: object, asked: object) -> list[str]:
        lines: list[str] = []
        context = Context(toy.spark, config, say=lines.append)
        run_steps(context, steps(context, asked))  # type: ignore[operator]
        return lines

    for name, ids in LISTS.items():
        (folder / f"{name}.txt").write_text("\n".join([*ids, ids[0], "stranger"]), encoding="utf-8")
        run(own_list.steps, own_list.Request("ralm", seeds=str(folder / f"{name}.txt"), resamples=0))
    run(own_list.steps, own_list.Request("ralm", resamples=0))
    for name in LISTS:
        run(report.steps, Asked(seeds=str(folder / f"{name}.txt")))
    return lambda asked: run(report.steps, asked)


def row_of(toy: Context, item: str) -> Row:
    return of_audience(Tables(toy), "audience_reports", item)[1]


def page_of(toy: Context, item: str) -> str:
    return (Path(toy.warehouse.path) / report.FOLDER / page_name(item, "ralm")).read_text(encoding="utf-8")


def test_four_lists_have_four_verdicts(toy: Context, made: Callable[[Asked], list[str]]) -> None:
    for name, kind in VERDICTS.items():
        row = row_of(toy, f"list:{name}")
        assert row["verdict"] == kind, (name, row)
        assert (row["seeds_matched"], row["seeds_duplicate"], row["seeds_unknown"]) == (len(LISTS[name]), 1, 1)
        page = page_of(toy, f"list:{name}")
        assert re.search(rf'<span class="chip verdict (better|worse)">{kind}</span> <b>{re.escape(row["says"])}', page)
    assert row_of(toy, "list:mixed")["groups"] == 2


def test_the_groups_are_told_by_what_they_do(toy: Context, made: Callable[[Asked], list[str]]) -> None:
    groups = of_audience(Tables(toy), "audience_groups", "list:mixed")[0].orderBy("group").collect()
    assert [row["seeds"] for row in groups] == [45, 45]
    assert sum(row["audience"] for row in groups) == pytest.approx(1)
    known = []
    for number in (1, 2):
        rows = features_of_people(Tables(toy), "list:mixed").where(F.col("people") == f"group {number}").collect()
        starts = [[name.replace(" = ", ": ") for name in features_of(group)] for group in range(GROUPS)]
        of = [[group for group in range(GROUPS) if row["feature"].startswith(tuple(starts[group]))] for row in rows[:5]]
        flat = [group for one in of for group in one]
        assert len(flat) >= 3
        known.append(max(set(flat), key=flat.count))
        assert all(row["lift"] > 1 and row["low"] > 1 for row in rows)
    assert sorted(known) == [1, 2]
    for user, group in ((seeds_of(1, 60)[50], 1), (seeds_of(2, 60)[50], 2)):
        found = features_of_user(Tables(toy), "list:mixed", user).collect()
        assert {row["group"] for row in found} == {known.index(group) + 1}, user
    assert features_of_user(Tables(toy), "list:mixed", "nobody").count() == 0


def test_the_page_says_why_the_first_users_are_in_it(toy: Context, made: Callable[[Asked], list[str]]) -> None:
    """It names the same group and features as `why(item, user)`, which finds them in another way."""
    for name in ("mixed", "good"):
        rows = toy.warehouse.read("audiences").where(f"item_id = 'list:{name}' AND system = 'ralm'")
        best = [row["user_id"] for row in rows.orderBy(F.desc("score"), "user_id").limit(10).collect()]
        section = page_of(toy, f"list:{name}").partition('<section id="why">')[2].partition("</section>")[0]
        shown = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', section, re.S)
        assert [user for user, _ in shown] == best
        for user, text in shown[:3]:
            found = features_of_user(Tables(toy), f"list:{name}", user).collect()
            listed = text.partition('<td class="left">')[2].partition("</td>")[0]
            features = [re.sub(r"<.*", "", part).strip() for part in listed.split(" · ")]
            assert [html.unescape(feature) for feature in features] == [row["feature"] for row in found[:5]], user
            looks = re.search(r"attention: ([^<]*)</small>", text)
            assert looks is not None
            fields = [re.fullmatch(r"(\w+) ([\d.]+) %", one.strip()) for one in looks[1].split(",")]
            weights = {one[1]: float(one[2]) for one in fields if one is not None}
            assert set(weights) <= set(load_sizes(toy).user_fields.names)
            assert sum(weights.values()) == pytest.approx(100, abs=2)  # all four fields of the world
            assert list(weights.values()) == sorted(weights.values(), reverse=True)
            group = re.search(r"<td>(\d+)</td>", text)
            assert (None if group is None else int(group[1])) == (found[0]["group"] if name == "mixed" else None)


@pytest.mark.parametrize(
    "name", ["information_value", *(pytest.param(name, marks=pytest.mark.soak) for name in ("plda", "als_fold_in"))]
)
def test_other_systems_in_production_are_reported_on(toy: Context, name: str, tmp_path: Path) -> None:
    content = toy.config.model_dump(mode="json")
    content["scoring"] |= {"audience": {"mode": "top_n", "top_n": 20}, "system": name}
    path, lines = tmp_path / f"{name}_fans.txt", list[str]()  # a list of its own: an audience of it by one system
    item = f"list:{name}_fans"
    path.write_text("\n".join(LISTS["good"]), encoding="utf-8")
    context = Context(toy.spark, Config.model_validate(content), say=lines.append)
    run_steps(context, own_list.steps(context, own_list.Request(name, seeds=str(path), resamples=0)))
    run_steps(context, report.steps(context, Asked(seeds=str(path))))
    row = row_of(toy, item)
    assert (row["system"], row["verdict"], row["audience"]) == (name, "good", 20), row
    rows = toy.warehouse.read("audiences").where(f"item_id = '{item}' AND system = '{name}'").collect()
    true = sum(group_of(one["user_id"]) == 1 for one in rows) / 20  # the group's other 20 users
    size = of_audience(Tables(toy), "audience_sizes", item)[0].where("users = 20").first()
    assert size is None or size["low"] <= true <= size["high"]
    assert row["hidden"] == 40
    assert row["stability"] > 0.4
    page = (Path(toy.warehouse.path) / report.FOLDER / page_name(item, name)).read_text(encoding="utf-8")
    assert page.count('<tr><th scope="row">g1u') >= 7
    assert "attention: " not in page  # of RALM's user model alone


def test_hidden_seeds_are_found_as_often_as_their_like(toy: Context, made: Callable[[Asked], list[str]]) -> None:
    """The other 20 users of the group are known: their share in the audience lies in the interval."""
    sizes = of_audience(Tables(toy), "audience_sizes", "list:good")[0].orderBy("share").collect()
    audience = toy.warehouse.read("audiences").where("item_id = 'list:good' AND system = 'ralm'")
    ranked = [row["user_id"] for row in audience.orderBy(F.desc("score"), "user_id").collect()]
    assert row_of(toy, "list:good")["hidden"] == 40
    for size in sizes:
        if size["users"] <= len(ranked):
            true = sum(group_of(user) == 1 for user in ranked[: size["users"]]) / 20
            assert size["low"] <= true <= size["high"], size
    assert [row["share"] for row in sizes] == [0.05, 0.1, 0.2, 0.5]
    random = of_audience(Tables(toy), "audience_sizes", "list:random")[0].collect()
    assert all(row["low"] <= row["share"] <= row["high"] for row in random), random


def test_an_item_of_few_late_clicks_is_warned_of(toy: Context, made: Callable[[Asked], list[str]]) -> None:
    lines = made(Asked(item="g1i0"))
    row = row_of(toy, "g1i0")
    assert any("page: " in line for line in lines)
    assert row["seed_days"] > 3
    assert 0 < row["heaviest_day"] < 1
    assert row["newest_seed"] is not None
    assert {one["item_id"] for one in row["overlaps"]} >= {"list:good"}
    assert row["hidden_as_of"] == toy.dates.a3
    assert any("look more alike" in line for line in row["warnings"])
    features = [one["feature"] for one in features_of_people(Tables(toy), "g1i0").collect()]
    assert not [name for name in features if name.startswith("reading: g1i0") or "(rare" in name]
    assert any("already done" in line for line in made(Asked(item="g1i0")))
    shared = features_of_user(Tables(toy), "g1i0", seeds_of(1, 60)[55]).collect()
    assert shared
    assert [one["rank"] for one in shared] == sorted(one["rank"] for one in shared)


def test_what_the_audience_was_made_with_and_how_it_changed_is_said(
    toy: Context, made: Callable[[Asked], list[str]], tmp_path: Path
) -> None:
    for name, ids in (("sliced", LISTS["good"]), ("unlike", LISTS["random"])):
        (tmp_path / f"{name}.txt").write_text("\n".join(ids), encoding="utf-8")
    given = {"not_like": str(tmp_path / "unlike.txt"), "between": (0.0, 0.1), "resamples": 0}
    context = Context(toy.spark, toy.config, say=lambda _: None)
    run_steps(context, own_list.steps(context, own_list.Request("ralm", seeds=str(tmp_path / "sliced.txt"), **given)))
    rows = toy.warehouse.read("audiences").where("item_id = 'list:sliced'").orderBy(F.desc("score"), "user_id")
    before = rows.limit(2).withColumn("as_of", F.date_sub("as_of", 1))
    gone = before.withColumn("user_id", F.concat(F.lit("gone-"), "user_id"))
    toy.warehouse.conform(
        "audiences", before.unionByName(gone).unionByName(gone.withColumn("user_id", F.lit("left")).limit(1))
    ).write.format("delta").mode("append").save(f"{toy.warehouse.path}/audiences")
    made(Asked(seeds=str(tmp_path / "sliced.txt")))
    row = row_of(toy, "list:sliced")
    assert row["last_as_of"] == toy.dates.a3 - dt.timedelta(days=1)
    assert row["kept"] == pytest.approx(2 / 5)
    said = " ".join(row["warnings"])
    assert "made with negative seeds; the verdict" in said
    assert "from 0 % to 10 %" in said
    assert f"it keeps 40 % of that of {row['last_as_of']}" in said
    page = page_of(toy, "list:sliced")
    assert "made with negative seeds" in page


def test_an_items_seeds_are_tested_before_they_clicked(
    toy: Context, made: Callable[[Asked], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.steps.audience_reports.seeds.LEAST_SEEDS", 8)
    made(Asked(item="g2i1"))
    row = row_of(toy, "g2i1")
    seeds = toy.warehouse.read("item_seeds").where("item_id = 'g2i1' AND purpose = 'production'")
    late = seeds.select(F.explode("seeds").alias("one")).where(F.col("one.clicked_at") >= F.lit(toy.dates.a2)).count()
    assert 8 <= row["hidden"] == late < row["seeds_matched"]
    assert row["hidden_as_of"] == toy.dates.a2
    assert not any("look more alike" in line for line in row["warnings"])
    sizes = of_audience(Tables(toy), "audience_sizes", "g2i1")[0].where("share = 0.5").first()
    assert sizes is not None
    assert sizes["found"] > 0.7


def test_conditions_hold_for_the_users_of_the_features(toy: Context) -> None:
    sizes = load_sizes(toy)
    space = FeatureSpace(fields=sizes.user_fields)
    rows = toy.warehouse.read("user_fields").where(
        (F.col("as_of") == F.lit(toy.dates.a3)) & (F.col("vocabulary_version") == sizes.version)
    )
    counted = rows.agg(*(F.count_if(F.expr(space.condition(at))).alias(f"f{at}") for at in range(space.size))).first()
    assert counted is not None
    expected = np.asarray(space.matrix(rows.select(*space.columns).toArrow().combine_chunks()).sum(axis=0)).ravel()
    assert list(counted) == expected.astype(int).tolist()
    with pytest.raises(IndexError):
        space.condition(space.size)


def test_mistakes_are_one_line(toy: Context, made: Callable[[Asked], list[str]], tmp_path: Path) -> None:
    for asked in (Asked(), Asked(item="g1i0", seeds="x"), Asked(item="g1i0", hashed=True)):
        with pytest.raises(ConfigError):
            asked.check()
    with pytest.raises(MissingInputError, match=r"no audience of 'nothing' as of .*; name it in scoring\.items"):
        made(Asked(item="nothing"))
    with pytest.raises(MissingInputError, match=r"by plda as of .*; there are audiences of it by ralm"):
        made(Asked(item="g1i0", system="plda"))
    with pytest.raises(MissingInputError, match=r"no report of 'g0i0' .*: run `audience_report --item g0i0`"):
        features_of_people(Tables(toy), "g0i0")
    assert options().parse_args(["--item", "i1"]).item == "i1"


def test_items_have_names(toy: Context) -> None:
    rows = [("i1", "A match", "https://a/1", ["sports"], "https://a/1.png"), ("i2", *4 * [None]), ("i3", *4 * [None])]
    schema = "item_id string, title string, url string, categories array<string>, image string"
    items = toy.spark.createDataFrame(rows, schema)
    found = item_names(toy.spark, items, ["i2", "i1", "list:mine"])
    assert found == {
        "i1": ItemName("A match", "https://a/1", ("sports",), "https://a/1.png"),
        "i2": ItemName(None, None, ()),
    }


def test_features_in_words() -> None:
    sports = {"i01": ItemName(None, None, ("sports", "tennis"))}
    assert readable("reading = i01", sports) == "reading: i01 (sports, tennis)"
    named = {"i01": ItemName("A match", None, ("sports",)), "i02": ItemName("Rain", None, ())}
    assert readable("reading = i01", named) == "reading: A match (i01; sports)"
    assert readable("reading = i02", named) == "reading: Rain (i02)"
    assert [shown_name(item, named) for item in ("i01", "i03")] == ['"A match" (i01)', "'i03'"]
    assert readable("city = Rome", {}) == "city: Rome"
    told = {
        "below -1.5": "far below average",
        "at least -1.5 and below -1": "well below average",
        "at least -0.5 and below -0.1": "a little below average",
        "at least -0.1 and below 0.1": "about average",
        "at least 0.5 and below 1": "somewhat above average",
        "at least 1.5": "far above average",
    }
    for bounds, words in told.items():
        assert readable(f"age {bounds} deviations from the mean", {}) == f"age: {words}"
