"""The face for notebooks, on the warehouse of the smallest world: in this session, and over Spark Connect."""

from __future__ import annotations

import datetime as dt
import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import functions as F

import ralm
from ralm import workspace
from ralm.errors import ConfigError, MissingInputError
from ralm.notebook import release_tables
from tests.finished import Finished
from tests.notebook_world import LIST

pytestmark = pytest.mark.spark
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def items(w: ralm.Workspace) -> list[str]:
    return [row["item_id"] for row in w.items().collect() if row["item_id"] != LIST]


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = "import sys, ralm; print([m for m in ('pyspark', 'torch', 'numpy', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_each_example_gives_what_it_says(tiny_run: Finished, w: ralm.Workspace, items: list[str]) -> None:
    given = {"w": w, "warehouse": str(tiny_run.config.warehouse), "item": items[0], "other": items[1]}
    given |= {"open_workspace": workspace.open_workspace}
    tried = 0
    finder = doctest.DocTestFinder()
    for test in [*finder.find(workspace, globs=given), *finder.find(release_tables, globs=given)]:
        if test.examples:
            assert doctest.DocTestRunner().run(test).failed == 0, test.name
            tried += 1
    public = [name for name in dir(ralm.Workspace) if not name.startswith("_")]
    assert tried == len(public) + 1  # each method, and `open`


def test_it_says_what_it_is(tiny_run: Finished, w: ralm.Workspace) -> None:
    text = repr(w)
    row = tiny_run.table("releases").where("current").first()
    assert row is not None
    assert f"release {row['release_id']} (current), users as of {row['as_of']}" in text
    assert "audiences" in text
    assert repr(ralm.open(w.path, tiny_run.spark, row["release_id"])) == text
    assert repr(ralm.open(w.path, tiny_run.spark, row["as_of"])) == text
    assert repr(ralm.open(w.path + "/", tiny_run.spark, str(row["as_of"]))) == text


def test_a_schema_of_a_catalog_is_a_place_too(tiny_run: Finished, w: ralm.Workspace) -> None:
    """Its tables may be registered in one: `releases` is enough."""
    spark = tiny_run.spark
    spark.sql("CREATE SCHEMA lookalikes")
    try:
        spark.sql(f"CREATE TABLE lookalikes.releases USING delta LOCATION '{w.path}/releases'")
        assert repr(ralm.open("spark_catalog.lookalikes", spark)) == repr(w)
    finally:
        spark.sql("DROP SCHEMA lookalikes CASCADE")
    with pytest.raises(MissingInputError, match=r"spark_catalog\.lookalikes is no warehouse with a release"):
        ralm.open("spark_catalog.lookalikes", spark)


def test_an_audience_by_number_share_score_and_slice(w: ralm.Workspace, items: list[str]) -> None:
    every = w.audience(items[0]).collect()
    assert [row["rank"] for row in every] == list(range(1, len(every) + 1))
    assert [row["score"] for row in every] == sorted((row["score"] for row in every), reverse=True)
    stored = w.table("audiences").where((F.col("item_id") == items[0]) & (F.col("as_of") == F.lit(w.as_of)))
    assert {row["user_id"] for row in stored.collect()} == {row["user_id"] for row in every}
    users = round(1 / (1 - every[1]["percentile"]))  # the percentile of rank 2 is 1 - 1 / n
    assert w.audience(items[0], top=5).collect() == every[:5]
    few = 7 / users
    assert w.audience(items[0], share=few).collect() == every[:7]
    assert w.audience(items[0], between=(2 / users, few)).collect() == every[2:7]
    assert w.audience(items[0], threshold=every[4]["score"]).count() == sum(
        row["score"] >= every[4]["score"] for row in every
    )
    assert w.audience(items[0], share=len(every) / users).count() == len(every)


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ({"top": 3, "share": 0.1}, "give one of"),
        ({"top": 10**9}, "1,000,000,000 users asked for, it keeps"),
        ({"share": 0.99}, "99.00% of all users asked for, it keeps"),
        ({"between": (0.02, 0.01)}, "shares go from 0 to 1"),
    ],
)
def test_sizes_that_cannot_be(w: ralm.Workspace, items: list[str], ways: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        w.audience(items[0], **ways)  # type: ignore[arg-type]


def test_what_is_not_there(tiny_run: Finished, w: ralm.Workspace, items: list[str], tmp_path: Path) -> None:
    near = items[0] + "x"
    for call in (lambda: w.audience(near), lambda: w.curve(near), lambda: w.overlap([items[0], near])):
        with pytest.raises(MissingInputError, match=f"of '{near}' in release .*; meant: .*{items[0]}"):
            call()
    with pytest.raises(MissingInputError, match="no table 'audience' in"):
        w.table("audience")
    with pytest.raises(MissingInputError, match="no warehouse with a release"):
        ralm.open(str(tmp_path), tiny_run.spark)
    with pytest.raises(MissingInputError, match=rf"no release '2001-01-01' in .*; there are {w.release_id}"):
        ralm.open(w.path, tiny_run.spark, dt.date(2001, 1, 1))
    with pytest.raises(ConfigError, match="2 to 200 items, found 1"):
        w.overlap([items[0], items[0]])


def test_nothing_is_shown_of_few_people(tiny_run: Finished, w: ralm.Workspace, items: list[str]) -> None:
    own = ralm.open(w.path, tiny_run.spark)
    users = w.audience(items[0]).count()
    sizes = {row["item_id"]: row["users"] for row in w.items().collect()}
    common = w.overlap(items[:3]).collect()
    own.minimum = users
    assert own.audience(items[0]).count() == users
    assert {row["item_id"] for row in own.items().collect()} == {item for item in sizes if sizes[item] >= users}
    for ways in ({"top": users - 1}, {"threshold": w.audience(items[0], top=2).collect()[1]["score"]}):
        with pytest.raises(ConfigError, match=rf"fewer than {users:,} users \(privacy\.minimum of this release\)"):
            own.audience(items[0], **ways)
    own.minimum = users + 1
    for call in (lambda: own.audience(items[0]), lambda: own.overlap(items[:2])):
        with pytest.raises(ConfigError, match=r"privacy\.minimum"):
            call()
    with pytest.raises(ConfigError, match=r"why: nothing is shown of fewer than .* people"):
        own.why(items[0], "somebody")
    own.minimum = sorted(row["both"] for row in common)[1]
    kept = {(row["item_id"], row["other_id"]): row["both"] for row in own.overlap(items[:3]).collect()}
    for row in common:
        both = row["both"] if row["both"] >= own.minimum else None
        assert kept[row["item_id"], row["other_id"]] == both


def test_your_own_list_is_there_though_no_release_holds_it(w: ralm.Workspace, items: list[str]) -> None:
    """As the quick start has it: the list was extended after the release."""
    assert w.table("audiences").where(F.col("item_id") == LIST).isEmpty()
    stored = w.spark.read.format("delta").load(f"{w.path}/audiences").where(F.col("item_id") == LIST)
    every = w.audience(LIST).collect()
    assert {(row["user_id"], row["score"]) for row in every} == {
        (one["user_id"], one["score"]) for one in stored.collect()
    }
    assert w.audience(LIST, top=5).collect() == every[:5]
    row = w.items().where(F.col("item_id") == LIST).first()
    assert row is not None
    assert (row["system"], row["users"], row["as_of"]) == ("ralm", len(every), w.as_of)
    assert w.overlap([LIST, items[0]]).first()["users"] in (len(every), w.audience(items[0]).count())
    shares = [one["share"] for one in w.curve(LIST).collect()]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert f"{len(items):,} items and 1 list of yours" in repr(w)


def test_recommendations_are_those_of_the_table(w: ralm.Workspace) -> None:
    row = w.table("recommendations").where(F.size("item_ids") > 1).first()
    assert row is not None
    found = w.recommendations(row["user_id"]).collect()
    assert [one["rank"] for one in found] == list(range(1, len(found) + 1))
    assert set(zip(row["item_ids"], row["scores"], strict=True)) <= {(one["item_id"], one["score"]) for one in found}
    titles = {one["item_id"]: one["title"] for one in w.table("items").select("item_id", "title").collect()}
    assert [one["title"] for one in found] == [titles[one["item_id"]] for one in found]


def test_reach_rises_as_similarity_falls(w: ralm.Workspace, items: list[str]) -> None:
    rows = w.curve(items[0]).collect()
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_overlap_is_counted_from_the_audiences(w: ralm.Workspace, items: list[str]) -> None:
    three = items[:3]
    held = {item: {row["user_id"] for row in w.audience(item).collect()} for item in three}
    rows = w.overlap([*three, three[0]]).collect()
    assert len(rows) == 3
    for row in rows:
        one, other = held[row["item_id"]], held[row["other_id"]]
        assert (row["users"], row["other_users"], row["both"]) == (len(one), len(other), len(one & other))
        assert row["share"] == pytest.approx(len(one & other) / min(len(one), len(other)))
        assert row["jaccard"] == pytest.approx(len(one & other) / len(one | other))
    assert [row["jaccard"] for row in rows] == sorted((row["jaccard"] for row in rows), reverse=True)


def test_a_report_and_who_they_are(w: ralm.Workspace, items: list[str]) -> None:
    row = w.report(items[0]).first()
    assert row is not None
    assert row["audience"] == w.audience(items[0]).count()
    assert row["seeds_read"] == row["seeds_matched"] + row["seeds_unknown"]
    assert row["says"]
    assert row["advice"]
    who = w.why(items[0])
    assert {one["people"] for one in who.collect()} <= {"audience", "seeds", *(f"group {at}" for at in range(1, 7))}
    user = w.audience(items[0], top=1).first()
    assert user is not None
    fields = w.table("user_fields").where((F.col("user_id") == user["user_id"]) & (F.col("as_of") == F.lit(w.as_of)))
    for shared in w.why(items[0], user["user_id"]).collect():
        condition = who.where(F.col("feature") == shared["feature"]).first()
        assert condition is not None
        assert fields.where(condition["condition"]).count() == 1
    sizes = w.table("audience_sizes").where(F.col("item_id") == items[0]).collect()
    assert sizes
    with pytest.raises(ConfigError, match=r"no size has a lift of 1e\+06; the highest is"):
        w.audience(items[0], lift=10**6)
    assert w.audience(items[0], lift=0.0).collect() == w.audience(items[0]).collect()  # up to all that it keeps
    least = min(size["share"] for size in sizes)
    lift = next(size["lift"] for size in sizes if size["share"] == least)
    if all(size["lift"] < lift for size in sizes if size["share"] != least):
        assert w.audience(items[0], lift=lift).collect() == w.audience(items[0], share=least).collect()
    with pytest.raises(MissingInputError, match=f"no report of '{items[1]}' .*audience_report --item {items[1]}"):
        w.report(items[1])


CONNECT = """
import pathlib, sys
import matplotlib
matplotlib.use("Agg")
from pyspark.sql import SparkSession
import ralm
from ralm.notebook.percent import run
spark = SparkSession.builder.remote("local[1]").config(
    "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension"
).config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog").config(
    "spark.jars.packages", sys.argv[3]
).config("spark.jars.excludes", sys.argv[4]).config("spark.sql.session.timeZone", "UTC").getOrCreate()
assert "connect" in type(spark).__module__
w = ralm.open(sys.argv[1], spark)
print(w)
print(w.audience(sys.argv[2], top=5).toPandas().to_csv(index=False))
print(w.curve(sys.argv[2]).count(), w.items().count(), w.metrics().isEmpty(), w.recommendations("none").count())
print(w.report(sys.argv[2]).count(), w.why(sys.argv[2]).count(), w.why(sys.argv[2], sys.argv[5]).count())
seeds = open(sys.argv[6]).read().split()
print(w.extend(seeds, exclude=open(sys.argv[7]).read().split(), top=9).toPandas().to_csv(index=False))
print(w.score(w.audience(sys.argv[2], top=5).selectExpr("user_id", f"'{sys.argv[2]}' AS item_id")).count())
left = run(pathlib.Path("notebooks/02_extend_your_own_list.py"), show=False)
print("found", left["of_list"])
try:
    w.table("none")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.long
def test_over_spark_connect(w: ralm.Workspace, items: list[str], notebook_world: Path) -> None:
    from delta.pip_utils import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession

    from ralm.spark.session import PROVIDED

    options = configure_spark_with_delta_pip(SparkSession.Builder())._options
    user = w.audience(items[0], top=1).collect()[0]["user_id"]
    lists = [str(notebook_world / name) for name in ("mine.txt", "out.txt")]
    jars = [options["spark.jars.packages"], ",".join(PROVIDED)]
    command = [sys.executable, "-c", CONNECT, w.path, items[0], *jars, user, *lists]
    environment = {**os.environ, "RALM_WAREHOUSE": w.path}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert repr(w) in done.stdout
    assert w.audience(items[0], top=5).toPandas().to_csv(index=False) in done.stdout
    told = f"1 {w.why(items[0]).count()} {w.why(items[0], user).count()}"
    assert f"{w.curve(items[0]).count()} {len(items) + 1} False 0\n{told}\n" in done.stdout
    seeds, out = (Path(name).read_text(encoding="utf-8").split() for name in lists)
    assert w.extend(seeds, exclude=out, top=9).toPandas().to_csv(index=False) + "\n5\nfound [" in done.stdout
    assert done.stdout.endswith("MissingInputError\n")
