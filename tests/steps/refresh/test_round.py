"""Between two nightly runs: new clicks become audiences within a round, and what did not change stays."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.steps.refresh.round import refresh, steps
from ralm.errors import MissingInputError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.warehouse.once import append
from ralm.warehouse.releases import current_release, releases
from tests.finished import Finished
from tests.golden import assert_golden

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(2700)]
NEW = "i-new"


@pytest.fixture(scope="module")
def live(tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    copied = tiny_run.copy(tmp_path_factory.mktemp("refresh") / "wh")
    refresh(copied.context())
    return copied


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)


def publish_item(context: Context, item: str) -> None:
    items = context.warehouse.read("items")
    rows = items.limit(1).withColumns({"item_id": F.lit(item), "published_at": F.lit(now())})
    rows.write.format("delta").mode("append").save(context.warehouse.table_path("items"))


def click(context: Context, item: str, users: list[str], at: dt.datetime) -> None:
    append(context.warehouse, "impressions", [(user, item, at, True, "feed", at.date()) for user in users])


def users_of(context: Context, count: int, skip: int = 0) -> list[str]:
    targets = context.warehouse.read("target_embeddings").select("user_id").distinct().orderBy("user_id")
    return [row["user_id"] for row in targets.limit(skip + count).collect()][skip:]


def kill(context: Context, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """A round that ends where it would call a function."""

    def killed(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(f"jobs.steps.refresh.round.{at}", killed)
        with pytest.raises(RuntimeError):
            refresh(context)


def test_nothing_is_scored_when_nothing_changed(tiny_run: Finished, live: Finished) -> None:
    """The log ends where production does: what the stream finds are the nightly run's own seeds."""
    assert any("no item's seeds changed enough" in line for line in live.lines)
    before, after = current_release(tiny_run.context().warehouse), current_release(live.context().warehouse)
    assert after == before
    assert live.context().warehouse.version("audiences") == tiny_run.context().warehouse.version("audiences")


def test_a_new_item_has_an_audience_after_one_round(live: Finished) -> None:
    context = live.context()
    before = current_release(context.warehouse)
    old_rows = context.warehouse.read("audiences", before.tables["audiences"]).where("system = 'ralm'")
    publish_item(context, NEW)
    seeds, clicked_at = users_of(context, 30), now() - dt.timedelta(seconds=40)
    click(context, NEW, seeds, clicked_at)
    refresh(context)
    release = current_release(context.warehouse)
    assert release.release_id != before.release_id
    assert release.same_models(before)
    audience = context.warehouse.read("audiences", release.tables["audiences"]).where("system = 'ralm'")
    own = audience.where(F.col("item_id") == NEW).collect()
    users = context.warehouse.read("target_embeddings").where(F.col("as_of") == F.lit(release.as_of)).count()
    assert len(own) == -(-(users - len(seeds)) * 5 // 100)
    assert not {row["user_id"] for row in own} & set(seeds)
    # The others' rows, and the run that made them, are the same; earlier readers still see what they saw.
    rest = audience.where(F.col("item_id") != NEW)
    assert rest.exceptAll(old_rows).isEmpty()
    assert old_rows.exceptAll(rest).isEmpty()
    assert old_rows.where(F.col("item_id") == NEW).isEmpty()
    thresholds = context.warehouse.read("thresholds", release.tables["thresholds"])
    assert thresholds.where((F.col("item_id") == NEW) & (F.col("system") == "ralm")).count() == 1
    fresh = live.table("freshness").where(F.col("item_id") == NEW).first()
    assert fresh is not None
    assert (fresh["release_id"], fresh["seed_count"], fresh["clicked_at"]) == (release.release_id, 30, clicked_at)
    assert 40 <= (fresh["published_at"] - clicked_at).total_seconds() < 1_000
    assert_golden("refresh", [("audiences", audience), ("seed_clusters", live.table("seed_clusters"))])
    assert "How fresh the audiences are" in (Path(str(live.config.warehouse)) / "report.html").read_text()


def test_a_round_with_nothing_new_is_skipped(live: Finished) -> None:
    context = live.context()
    refresh(context)  # what was published changes what a round would find: it looks once more
    version = context.warehouse.version("audiences")
    refresh(context)
    assert live.lines[-1].endswith("refresh: already done, skipped")
    assert context.warehouse.version("audiences") == version


def test_few_clicks_wait_and_a_crash_before_the_release_publishes_them_once(
    live: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("refresh.min_change=0.5", "refresh.keep_releases=1")
    context = live.context(*settings)
    click(context, NEW, users_of(context, 5, skip=40), now())
    refresh(context)
    assert live.table("freshness").where(F.col("item_id") == NEW).count() == 1
    click(context, NEW, users_of(context, 30, skip=60), now())
    before = current_release(context.warehouse)
    kill(context, monkeypatch, "make_current")
    assert current_release(context.warehouse) == before
    version = context.warehouse.version("audiences")
    assert version > before.tables["audiences"]
    again = live.context(*settings)
    run_steps(again, steps(again))
    assert again.warehouse.version("audiences") == version
    assert current_release(again.warehouse).tables["audiences"] == version
    seen = live.table("freshness").where(F.col("item_id") == NEW).orderBy("published_at")
    assert [row["seed_count"] for row in seen.collect()] == [30, 65]
    clusters = live.table("seed_clusters").where((F.col("purpose") == "live") & (F.col("item_id") == NEW)).collect()
    assert [sum(row["sizes"]) for row in clusters] == [65]
    # Of the night's, the new item's and this one, as many older ones are left as were asked for.
    found = sorted(releases(again.warehouse), key=lambda release: release.created_at)
    assert [release.current for release in found] == [False, True]
    assert found[0].release_id == before.release_id


def test_a_round_keeps_the_similarity_if_asked_and_says_what_moved(live: Finished) -> None:
    context = live.context("refresh.keep=similarity")
    first, second = live.table("freshness").where(F.col("item_id") == NEW).orderBy("published_at").collect()
    assert (first["audience_before"], first["kept"], first["cutoff_before"]) == (None, None, None)
    assert (second["audience_before"], second["cutoff_before"]) == (first["audience"], first["cutoff"])

    def audience() -> dict[str, float]:
        version = current_release(context.warehouse).tables["audiences"]
        rows = context.warehouse.read("audiences", version).where(
            (F.col("item_id") == NEW) & (F.col("system") == "ralm")
        )
        return {row["user_id"]: row["score"] for row in rows.collect()}

    before = audience()
    assert second["cutoff"] == min(before.values())
    assert second["audience"] == len(before)
    seeds = users_of(context, 70, skip=120)
    click(context, NEW, seeds, now())
    refresh(context)
    after = audience()
    row = live.table("freshness").where(F.col("item_id") == NEW).orderBy(F.desc("published_at")).first()
    assert row is not None
    assert (row["audience_before"], row["audience"]) == (len(before), len(after))
    assert row["kept"] == pytest.approx(len(before.keys() & after.keys()) / len(before))
    assert row["cutoff"] == row["cutoff_before"] == second["cutoff"] <= min(after.values())
    # Whoever reaches the score is in: all but the seeds, as the histogram of everyone's scores has them.
    bins = context.warehouse.read("score_histograms").where((F.col("item_id") == NEW) & (F.col("system") == "ralm"))
    above = {low: sum(b["count"] for b in bins.collect() if b[low] >= row["cutoff"]) for low in ("low", "high")}
    assert above["low"] - row["seed_count"] <= len(after) <= above["high"]
    told = f"(refresh.keep: similarity): {len(before):,} users before, {len(after):,} now"
    assert any(told in line for line in live.lines), live.lines[-6:]


def test_a_clicked_item_that_is_not_chosen_is_named(live: Finished) -> None:
    """One item is scored, the newest by first click: the new one."""
    context = live.context("scoring.max_items=1")
    seeds = context.warehouse.read("item_seeds").where("purpose = 'production' AND seed_count >= 5")
    oldest = seeds.orderBy("first_clicked_at", "item_id").first()
    assert oldest is not None
    click(context, oldest["item_id"], users_of(context, 3), now())
    refresh(context)
    told = f"items clicked and left out: 1 ({oldest['item_id']}), not among the newest 1 (scoring.max_items); to score"
    assert any(told in line for line in live.lines), live.lines[-5:]


def test_a_crash_after_the_release_says_what_was_before_it(live: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    def newest() -> Row:
        row = live.table("freshness").where(F.col("item_id") == NEW).orderBy(F.desc("published_at")).first()
        assert row is not None
        return row

    context, last = live.context(), newest()
    click(context, NEW, users_of(context, 60, skip=200), now())
    kill(context, monkeypatch, "write_freshness")
    published = current_release(context.warehouse)
    assert newest() == last
    assert published.release_id != last["release_id"]
    again = live.context()
    run_steps(again, steps(again))
    row = newest()
    assert row["release_id"] == published.release_id == current_release(again.warehouse).release_id
    assert (row["audience_before"], row["cutoff_before"]) == (last["audience"], last["cutoff"])
    assert row["kept"] < 1


def test_without_a_release_it_says_what_to_run(tiny_run: Finished, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no current release .* run job 'publish'"):
        refresh(tiny_run.context(f"warehouse={tmp_path / 'nothing'}"))
