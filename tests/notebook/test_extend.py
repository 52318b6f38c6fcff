"""Own lists in notebooks give what the jobs give, from any form of list."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F

import ralm
from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.features.hashing import uniform
from ralm.notebook import given
from ralm.notebook.extend import Size
from ralm.notebook.model import Settings
from tests.notebook_world import LIST, seeds_and_exclusions

pytestmark = [pytest.mark.spark, pytest.mark.long]
# The forty users of the world's list are the best of an item's audience.
CHAINED = r"\d+ % of the list's users are in the audience of i\d+ by ralm as of \S+, which was itself made by likeness"


@pytest.fixture(scope="module")
def lists(w: ralm.Workspace) -> tuple[list[str], list[str]]:
    return seeds_and_exclusions(w)


def rows_of(frame) -> list[Row]:
    return frame.orderBy("rank").collect()


def test_it_is_the_audience_of_the_job(w: ralm.Workspace, lists: tuple[list[str], list[str]]) -> None:
    seeds, exclusions = lists
    table = w.spark.read.format("delta").load(f"{w.path}/audiences").where(F.col("item_id") == LIST)
    job = table.orderBy(F.desc("score"), "user_id").collect()
    assert len(job) > 40
    with pytest.warns(UserWarning, match=rf"42 ids read, 0 empty, 1 duplicates, 40 matched, 1 unmatched; {CHAINED}"):
        found = rows_of(w.extend([*seeds, "nobody", seeds[0]], exclude=exclusions))
    assert [row["user_id"] for row in found] == [row["user_id"] for row in job]
    assert [row["score"] for row in found] == pytest.approx([row["score"] for row in job], abs=2e-6)
    assert [row["percentile"] for row in found] == [row["percentile"] for row in job]
    assert [row["rank"] for row in found] == list(range(1, len(job) + 1))
    assert not {*seeds, *exclusions} & {row["user_id"] for row in found}


def test_any_form_of_list_and_any_size(w: ralm.Workspace, lists: tuple[list[str], list[str]]) -> None:
    seeds, _ = lists
    frame = w.spark.createDataFrame([(user, 1) for user in seeds], "user_id string, value int")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", f"extend: {CHAINED}")  # which says nothing else
        everyone = rows_of(w.extend(seeds, share=1.0))
        assert rows_of(w.extend(frame, top=7)) == everyone[:7]
        assert rows_of(w.extend(pd.Series(seeds), share=0.01)) == everyone[: -(-len(everyone) // 100)]
        assert rows_of(w.extend(np.array(seeds), threshold=everyone[4]["score"])) == [
            row for row in everyone if row["score"] >= everyone[4]["score"]
        ]
        middle = rows_of(w.extend(pd.DataFrame({"id": seeds}), between=(0.01, 0.02), name="mine"))
    assert [row["user_id"] for row in middle] == [
        row["user_id"] for row in everyone if 1 - row["percentile"] + 1e-12 >= 0.01 and 1 - row["percentile"] < 0.02
    ]
    assert {row["item_id"] for row in middle} == {"mine"}
    users = w.table("target_embeddings").where(F.col("as_of") == F.lit(w.as_of)).select("user_id").distinct().count()
    assert len(everyone) == users - len(seeds)
    with pytest.warns(UserWarning, match=rf"1,000,000 users asked for, there are {len(everyone):,} candidates"):
        assert w.extend(seeds, top=10**6).count() == len(everyone)


def test_people_who_did_something_are_no_audience(w: ralm.Workspace) -> None:
    """Nothing is said of them, though they may be in audiences: of items that they have clicked."""
    clicked = w.table("impressions").where("clicked").groupBy("item_id").count().orderBy(F.desc("count")).first()
    assert clicked is not None
    people = w.table("impressions").where("clicked").where(F.col("item_id") == clicked["item_id"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert w.extend(people.select("user_id").distinct(), top=5).count() == 5


def test_seeds_of_one_weight_are_seeds_and_others_are_heeded(
    w: ralm.Workspace, lists: tuple[list[str], list[str]]
) -> None:
    seeds, _ = lists
    plain = rows_of(w.extend(seeds, top=200))
    alike = rows_of(w.extend(seeds, weights=[2.5] * len(seeds), top=200))
    assert [row["score"] for row in alike] == pytest.approx([row["score"] for row in plain], abs=2e-6)
    worth = [1_000.0 if at < 8 else 0.0 if at < 20 else 0.01 for at in range(len(seeds))]
    frame = pd.DataFrame({"user_id": seeds, "worth": worth})
    some = rows_of(w.extend(frame, weights="worth", top=20))
    assert rows_of(w.extend(w.spark.createDataFrame(frame), weights="worth", top=20)) == some
    # Eight seeds have all of the worth but one part in 60,000; whoever is worth nothing is in the list all the same.
    eight = rows_of(w.extend(seeds[:8], exclude=seeds, top=20))
    assert [row["score"] for row in some] == pytest.approx([row["score"] for row in eight], rel=1e-2)
    assert [row["score"] for row in some] != pytest.approx([row["score"] for row in plain[:20]], rel=1e-2)
    for given_, weights, words in (
        (seeds, [1.0], "40 ids and 1 weights"),
        (seeds, [-1.0] * 40, r"-1\.0 is no weight"),
        (frame, "price", "no column price of weights"),
        (w.spark.createDataFrame(frame).withColumn("worth", F.lit("much")), "worth", "'much' is no weight"),
    ):
        with pytest.raises(ConfigError, match=words):
            w.extend(given_, weights=weights)


def test_a_long_list_is_described_by_some_and_none_of_it_is_found(
    w: ralm.Workspace, lists: tuple[list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of forty by hash, by the rule that the job names; given again as a short list, they describe the same."""
    seeds, _ = lists
    frame = w.spark.createDataFrame([(user,) for user in seeds], "user_id string")
    order = uniform("listed seed", w.configuration["seed"], "user_id")
    ten = [row["user_id"] for row in frame.orderBy(order, "user_id").limit(10).collect()]
    expected = rows_of(w.extend(ten, exclude=seeds, top=20))
    short = ralm.open(w.path, w.spark)
    short._model.settings = replace(w._model.settings, seed_cap=10)
    for held in (given.HELD, 5):
        monkeypatch.setattr(given, "HELD", held)
        with pytest.warns(UserWarning, match="10 of the seeds, drawn by hash, describe the list"):
            assert rows_of(short.extend(frame, top=20)) == expected


@pytest.mark.parametrize(
    ("seeds", "more", "error", "words"),
    [
        (
            ["nobody"] * 9,
            {},
            DataError,
            "0 matched users, lookalike.min_seeds is 5; give more .9 ids read, 0 empty, 8 ",
        ),
        ("list.txt", {}, ConfigError, "a list of user ids, .* found str; read a file with pandas"),
        ([1.5], {}, ConfigError, r"1\.5 is no user id"),
        ([True], {}, ConfigError, "True is no user id"),
        (pd.DataFrame({"a": ["u"], "b": ["u"]}), {}, ConfigError, "no column user_id; it has a, b"),
        (None, {"exclude": ["nobody"]}, DataError, "exclusions: none of the ids is a known user: 1 ids read"),
        (None, {"top": 3, "share": 0.1}, ConfigError, "give one of"),
        (None, {"between": (0.2, 0.1)}, ConfigError, "shares go from 0 to 1, found 0.2 to 0.1"),
        (None, {"top": 0}, ConfigError, "from 1, found 0"),
    ],
)
def test_lists_that_cannot_be(
    w: ralm.Workspace, lists: tuple[list[str], list[str]], seeds: object, more: dict, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        w.extend(lists[0] if seeds is None else seeds, **more)


def test_nothing_is_shown_of_too_few(w: ralm.Workspace, lists: tuple[list[str], list[str]]) -> None:
    own = ralm.open(w.path, w.spark)
    assert Settings.of(w.configuration | {"privacy": {"minimum": 30}}).minimum == 30
    own._model.settings = replace(w._model.settings, minimum=30)
    everyone = rows_of(own.extend(lists[0], top=30))
    assert len(everyone) == 30
    for size in ({"top": 29}, {"between": (0.0, 0.01)}, {"threshold": everyone[20]["score"]}):
        with pytest.raises(ConfigError, match=r"fewer than 30 users \(privacy.minimum"):
            own.extend(lists[0], **size)
    with pytest.raises(DataError, match=r"seeds: fewer than 30 matched users"):
        own.extend(lists[0][:29], top=100)


def test_nothing_is_guessed_of_a_release_that_kept_nothing(w: ralm.Workspace) -> None:
    old = ralm.open(w.path, w.spark)
    old._facts["configuration"] = None
    with pytest.raises(MissingInputError, match=r"has no record of its settings.*publish"):
        old.extend(["u"] * 5)
    other = dict(w.configuration)
    other["scoring"] = {**other["scoring"], "system": "lsh_iv"}
    with pytest.raises(ConfigError, match="'lsh_iv' scores this release"):
        Settings.of(other)


def test_given_pairs_have_the_scores_of_the_job(w: ralm.Workspace, notebook_world: Path) -> None:
    pairs = w.spark.read.parquet(str(notebook_world / "pairs"))
    job = w.spark.read.format("delta").load(f"{w.path}/scored_pairs").where("pairs = 'pairs'").collect()
    assert {row["as_of"] for row in job} == {w.as_of}
    expected = {(row["user_id"], row["item_id"]): row["score"] for row in job}
    marked = pairs.withColumn("label", F.length("item_id"))
    found = w.score(marked)
    assert found.columns == ["user_id", "item_id", "label", "score"]
    rows = found.collect()
    assert len(rows) == pairs.count() > len(expected) > 0
    scores = {(row["user_id"], row["item_id"]): row["score"] for row in rows if row["score"] is not None}
    assert scores.keys() == expected.keys()
    assert all(scores[pair] == pytest.approx(expected[pair], abs=2e-6) for pair in expected)
    assert all(row["label"] == len(row["item_id"]) for row in rows)
    assert {row["score"] for row in rows if "no" in (row["user_id"][:2], row["item_id"][:2])} == {None}
    few = pd.DataFrame(list(expected)[:3], columns=["user_id", "item_id"])
    assert sorted(w.score(few).toPandas().score) == pytest.approx(sorted(expected[pair] for pair in list(expected)[:3]))


def test_pairs_that_cannot_be(w: ralm.Workspace) -> None:
    with pytest.raises(ConfigError, match="no column item_id; the pairs have user_id"):
        w.score(pd.DataFrame({"user_id": ["u"]}))
    with pytest.raises(MissingInputError, match="none of the items has seeds"):
        w.score(pd.DataFrame({"user_id": ["u"], "item_id": ["none"]}))


def test_sizes_follow_the_configuration_unless_they_are_given(w: ralm.Workspace) -> None:
    settings = w._model.settings
    assert Size().ranks(1001, replace(settings, mode="top_n", top_n=30)) == (1, 30)
    assert Size().ranks(20, replace(settings, mode="top_n", top_n=30)) == (1, 20)
    assert Size().ranks(1001, replace(settings, mode="top_fraction", share=0.05)) == (1, 51)
    assert Size(share=0.1).ranks(1001, settings) == (1, 101)
    assert Size(between=(0.01, 0.02)).ranks(1000, settings) == (11, 20)
    assert Size(between=(0.0, 0.02)).ranks(1000, settings) == (1, 20)
    assert Size(threshold=0.5).ranks(1000, settings) is None


def test_average_pooling_has_one_cluster(w: ralm.Workspace) -> None:
    content = w.configuration
    assert Settings.of(content).clusters == 12
    content["variants"]["ralm"] |= {"settings": {"clusters": 3}}
    assert Settings.of(content).clusters == 3
    content["variants"]["ralm"]["pooling"] = "average"
    assert Settings.of(content).clusters == 1
