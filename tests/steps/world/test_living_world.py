"""The built-in world goes on for simulated hours: new items gather seeds and get audiences, and a browser shows it."""

import datetime as dt
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike import cold_start_model
from jobs.steps.world.ab_test import measure, write_results
from jobs.steps.world.living_world import World, play
from jobs.steps.world.page import PAGE, page_server
from jobs.steps.world.policies import LOOKALIKE, POPULARITY, PROFILE
from ralm.errors import ConfigError
from ralm.evaluation.online_test import METRICS, relative_changes
from ralm.runs.runner import run_steps
from ralm.simulation import clock
from ralm.warehouse.releases import current_release
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(2700)]
SETTINGS = (
    "scoring.max_items=20",
    "live.items=2",
    "live.window=6",
    "live.visits=0.5",
    "live.slots=3",
    "live.policies=[lookalike, popularity, profile]",
    "cold_start.switch=12",
)
ROUNDS = 3
END = dt.datetime(2024, 1, 11)  # of the tiny world's log


@pytest.fixture(scope="module")
def lived(tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    copied = tiny_run.copy(tmp_path_factory.mktemp("live") / "wh")
    context = copied.context(*SETTINGS)
    run_steps(context, cold_start_model.steps(context))
    play(World(context, dt.timedelta(hours=1)), ROUNDS, dt.timedelta(0))
    return copied


def shown(lived: Finished) -> DataFrame:
    return lived.table("live_exposures")


def test_every_round_publishes_and_the_clock_goes_on(lived: Finished) -> None:
    items = lived.table("live_items").orderBy("round", "item_id").collect()
    assert [row["at"] for row in items] == [END + dt.timedelta(hours=n) for n in (1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3)]
    assert all(row["published_at"] < row["at"] for row in items)
    assert len({row["item_id"] for row in items}) == 2 * ROUNDS
    published = lived.table("items").where(F.col("published_at") >= F.lit(END))
    assert published.count() == 2 * ROUNDS


def test_nobody_sees_an_item_twice_or_before_it_is_there(lived: Finished) -> None:
    exposures = shown(lived).join(lived.table("items").select("item_id", "published_at"), "item_id")
    assert exposures.groupBy("user_id", "item_id").count().where("count > 1").isEmpty()
    assert exposures.where("shown_at < published_at").isEmpty()
    assert exposures.groupBy("user_id", "round").count().where("count > 3").isEmpty()
    assert exposures.groupBy("user_id").agg(F.count_distinct("policy").alias("n")).where("n > 1").isEmpty()


def test_only_the_look_alike_half_gives_seeds(lived: Finished) -> None:
    clicked = shown(lived).where("clicked").where(F.col("policy") == LOOKALIKE)
    counts = {row["item_id"]: row["count"] for row in clicked.groupBy("item_id").count().collect()}
    live = lived.table("live_seeds").join(shown(lived).select("item_id").distinct(), "item_id")
    assert {row["item_id"]: row["seed_count"] for row in live.collect()} == counts


def test_an_item_gets_its_audience_from_its_clicks_and_is_shown_to_it(lived: Finished) -> None:
    config = lived.context(*SETTINGS).config
    stands = {(row["round"], row["item_id"]): row for row in lived.table("live_items").collect()}
    assert config.cold_start is not None
    for row in stands.values():
        assert row["system"] == ("ralm" if row["seeds"] >= config.cold_start.switch else "cold_start")
        assert row["audience"] > 0
    assert {row["system"] for row in stands.values()} == {"ralm", "cold_start"}
    release = current_release(lived.context().warehouse)
    audiences = lived.context().warehouse.read("audiences", release.tables["audiences"])
    chosen = shown(lived).where((F.col("policy") == LOOKALIKE) & ~F.col("explored") & (F.col("round") == ROUNDS))
    assert not chosen.isEmpty()
    names = {row["item_id"] for row in chosen.select("item_id").distinct().collect()}
    assert names <= {item for _, item in stands}
    assert audiences.where(F.col("item_id").isin(sorted(names))).count() > 0
    assert not shown(lived).where((F.col("policy") == POPULARITY) & ~F.col("explored")).isEmpty()


def test_profile_matching_shows_what_a_user_clicked_before(lived: Finished) -> None:
    about = lived.table("items").select("item_id", F.explode("categories").alias("category"))
    own = shown(lived).where((F.col("policy") == PROFILE) & ~F.col("explored")).join(about, "item_id")
    liked = lived.table("impressions").where(F.col("clicked") & (F.col("shown_at") < F.lit(END)))
    liked = liked.join(about, "item_id").select("user_id", "category").distinct()
    matched = own.join(liked, ["user_id", "category"]).select("user_id", "item_id").distinct()
    assert matched.count() == own.select("user_id", "item_id").distinct().count() > 0


def test_a_click_is_the_pair_s_whoever_shows_it(lived: Finished) -> None:
    config = lived.context(*SETTINGS).config
    assert config.simulate is not None
    pairs = lived.spark.range(200).selectExpr("id AS number", "id % 7 AS item")
    first = {tuple(row) for row in clock.clicked(pairs, config.simulate, 3).collect()}
    assert first == {tuple(row) for row in clock.clicked(pairs.repartition(5), config.simulate, 3).collect()}
    assert {row[2] for row in first} == {True, False}


def test_the_arms_are_measured(lived: Finished) -> None:
    context = lived.context(*SETTINGS)
    found = measure(context, ROUNDS)
    assert list(found) == [LOOKALIKE, POPULARITY, PROFILE]
    sizes = {row["policy"]: row for row in shown(lived).groupBy("policy").agg(F.count("*").alias("n")).collect()}
    assert context.config.simulate is not None
    arms = clock.arms(lived.spark, context.config.simulate, context.config.live, context.config.seed, "string")
    users = {row["policy"]: row["count"] for row in arms.groupBy("policy").count().collect()}
    for policy, values in found.items():
        assert values["exposure"] == pytest.approx(sizes[policy]["n"] / users[policy])
        assert values["clicks"] == pytest.approx(values["exposure"] * values["ctr"])
        assert 1 <= values["categories"] <= values["tags"]
        assert 0 <= values["gini"] < 1
    changes = relative_changes([found, found], PROFILE)
    write_results(context, changes, "worlds 7 to 7, 3 days")
    metrics = lived.table("metrics").where(F.col("protocol") == "simulated_ab")
    assert {row["run_id"] for row in metrics.collect()} == {"simulated_ab worlds 7 to 7, 3 days"}
    assert metrics.count() == len(changes) >= 2 * (len(METRICS) - 2)
    assert "The online test, simulated" in (Path(str(lived.config.warehouse)) / "report.html").read_text()


def test_a_round_that_is_tried_again_writes_its_rows_once(lived: Finished) -> None:
    context = lived.context(*SETTINGS)
    world = World(context, dt.timedelta(hours=1))
    before = {name: context.warehouse.read(name).count() for name in ("items", "impressions", "live_exposures")}
    items = world._publish(ROUNDS, END)
    world._show(ROUNDS, items, END, END + dt.timedelta(hours=1))
    assert {name: context.warehouse.read(name).count() for name in before} == before


def test_a_browser_shows_the_page(lived: Finished, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    with page_server(lived.context(), 8799) as address:
        assert address is not None
        with urllib.request.urlopen(address) as answer:
            assert answer.headers["Content-Type"].startswith("text/html")
        common = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        common += [
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'p'}",
        ]
        dom = subprocess.run([*common, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=True)
        picture = tmp_path / "live.png"
        subprocess.run(
            [*common, "--window-size=1200,1400", f"--screenshot={picture}", address],
            capture_output=True,
            timeout=120,
            check=True,
        )
    text = dom.stdout
    assert "New items find their audiences" in text
    assert f"round <b>{ROUNDS}</b>" in text
    assert text.count("<polyline") == 2 * ROUNDS
    assert "look-alike</span>" in text
    assert "cold start</span>" in text
    assert picture.stat().st_size > 20_000
    page = Path(str(lived.config.warehouse)) / PAGE
    assert 'http-equiv="refresh"' in page.read_text()
    assert "http://" not in page.read_text()  # nothing is loaded from elsewhere


def test_a_port_that_is_taken_is_said(lived: Finished) -> None:
    taken = pytest.raises(ConfigError, match="--port 8798")
    with page_server(lived.context(), 8798), taken, page_server(lived.context(), 8798):
        pass
