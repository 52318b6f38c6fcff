"""The whole pipeline on the smallest built-in world, run once; then tests look at what it left.

Over 300 lines because one copy of the run, made once for the file, serves all tests.
"""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from jobs import pipeline
from jobs.steps import nightly
from jobs.steps.audiences import nightly_scoring
from jobs.steps.evaluation.evaluate import steps as evaluate_steps
from jobs.steps.lookalike.clustering import past_arrays
from jobs.steps.lookalike.judged_items import gather_past, sampled_users
from jobs.steps.lookalike.training import steps as lookalike_steps
from jobs.steps.lookalike.variants import lookalike_folder, lookalike_version, training_step
from jobs.steps.releases.releases import steps as publish_steps
from jobs.steps.seeds import item_seeds
from jobs.steps.user_model.user_embeddings import model_version
from ralm.errors import DataError
from ralm.features.hashing import uniform
from ralm.features.holdout import is_new_item
from ralm.features.seeds import PAST, is_validation_item, is_validation_user
from ralm.runs.runner import plan_steps, run_steps
from ralm.runs.step import RunningStep
from ralm.training.checkpoints import dated_weights
from ralm.warehouse.once import replace
from ralm.warehouse.schemas import TABLES
from tests.finished import Finished
from tests.golden import assert_golden

# The first test waits for the whole pipeline.
pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]


@pytest.fixture(scope="module")
def finished(tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return tiny_run.copy(tmp_path_factory.mktemp("pipeline") / "wh")


def test_every_table_is_there_with_its_columns(finished: Finished) -> None:
    # A simulated world has nothing to refuse; the systems beside RALM and the loop have jobs of their own.
    others = {"feature_rankings", "comparison_pairs", "comparisons", "scored_pairs"}
    others |= {"audience_reports", "audience_sizes", "audience_groups", "audience_features", "holdouts", "lifts"}
    others |= {"forgotten", "erasures"}
    absent = {"quarantine", "live_seeds", "live_exposures", "live_items", "freshness", *others}
    for name, table in TABLES.items():
        if name not in absent:
            frame = finished.table(name)
            assert [column.name for column in table.columns] == frame.columns[: len(table.columns)], name
            folder = Path(str(finished.config.warehouse)) / name
            assert list(folder.rglob("*.parquet")), name  # whose rows the golden tables count
            first = (folder / "_delta_log" / f"{0:020}.json").read_text(encoding="utf-8").splitlines()
            metadata = next(line["metaData"] for line in map(json.loads, first) if "metaData" in line)
            assert tuple(metadata["partitionColumns"]) == table.partition, name


@pytest.mark.long
def test_the_tables_hold_what_they_held(finished: Finished) -> None:
    made_by_runs = {"runs", "checks", "releases"}
    there = [name for name in TABLES if name not in made_by_runs and finished.context().warehouse.exists(name)]
    assert_golden("tiny", ((name, finished.table(name)) for name in there))


def test_progress_names_steps_times_and_rows(finished: Finished) -> None:
    ended = [line for line in finished.lines if re.search(r"^\[ *\d+/\d+\] .*, \d+\.\d s$", line)]
    assert any(re.search(r"simulate: 1,000 users, 120 items, [\d,]+ events, [\d,]+ impressions", x) for x in ended)
    assert any("score_users as of" in line and "audience rows" in line for line in ended)
    assert any(
        re.search(r"closed form: λ [\d.]+, δ [\d.]+.* on items that it was not fitted on", x) for x in finished.lines
    )


def test_a_second_run_skips_everything_and_writes_nothing(finished: Finished) -> None:
    versions = {name: finished.context().warehouse.version(name) for name in ("audiences", "runs", "metrics")}
    lines: list[str] = []
    context = finished.context(say=lines.append)
    run_steps(context, nightly.steps(context))
    assert lines
    assert all(line.endswith("already done, skipped") for line in lines)
    assert {name: context.warehouse.version(name) for name in versions} == versions


def test_other_scoring_settings_rerun_only_what_depends_on_them(finished: Finished) -> None:
    context = finished.context("scoring.audience.top_fraction=0.2")
    plan = dict(plan_steps(context, nightly.steps(context)))
    assert plan["score_users [a3]"] == "run"
    assert plan["publish [a3]"].startswith("run")
    assert plan["train_lookalike[ralm/2] [a1]"] == "skip (done)"


def test_another_training_seed_trains_again_on_the_same_data(finished: Finished) -> None:
    context = finished.context("lookalike_training.seed=5")
    plan = dict(plan_steps(context, nightly.steps(context)))
    assert plan["train_lookalike[ralm/1] [a1]"] == "run"
    assert plan["train_user_model[attention/reading] [a0]"] == "skip (done)"
    assert plan["build_lookalike_samples[attention] [a1]"] == "skip (done)"
    seeds = [context.config.seed_of(getattr(context.config, name)) for name in ("user_training", "lookalike_training")]
    assert seeds == [context.config.seed, 5]


def test_nothing_after_its_date_is_in_a_history(finished: Finished) -> None:
    late = (
        finished.table("histories")
        .select("as_of", F.explode(F.concat("reading", "shopping")).alias("entry"))
        .where(F.col("entry.event_time") >= F.col("as_of").cast("timestamp"))
    )
    assert late.isEmpty()
    assert finished.table("histories").select("as_of").distinct().count() == 4


def test_new_items_are_in_nothing_that_is_trained_or_counted(finished: Finished) -> None:
    share, seed = finished.config.evaluation.new_item_share, finished.config.seed
    new = {r[0] for r in finished.table("items").where(is_new_item("item_id", share, seed)).select("item_id").collect()}
    assert len(new) > 10
    read = {r[0] for r in finished.table("histories").select(F.explode("reading.feature_id")).distinct().collect()}
    known = {r[0] for r in finished.table("vocabularies").where("field = 'reading'").select("feature_id").collect()}
    seeds = finished.table("item_seeds")
    training = {r[0] for r in seeds.where("purpose = 'train'").select("item_id").collect()}
    evaluated = {r[0] for r in seeds.where("purpose = 'evaluate'").select("item_id").collect()}
    clusters = finished.table("seed_clusters").where("purpose = 'train'").select("item_id").distinct().collect()
    assert not new & read
    assert not new & known
    assert not new & training
    assert not new & {row[0] for row in clusters}
    assert new & evaluated  # they do have seeds to be judged by


def test_training_has_neither_the_items_nor_the_users_that_it_is_judged_on(finished: Finished) -> None:
    config, dates = finished.config, finished.context().dates
    share, seed = config.user_samples.validation_share, config.seed
    embeddings = finished.table("user_embeddings").where(F.col("as_of") == F.lit(dates.a1))
    kinds = embeddings.select("embedding", is_validation_user(share, seed).alias("held_out")).groupBy("embedding")
    alone = kinds.agg(F.collect_set("held_out").alias("kinds")).where(F.size("kinds") == 1)
    samples = finished.table("lookalike_samples").join(alone, "embedding")
    found = {
        (r["validation"], r["kinds"][0]): r["count"] for r in samples.groupBy("validation", "kinds").count().collect()
    }
    assert found.keys() <= {(True, True), (False, False)}
    assert found[False, False] > 1_000
    assert found[True, True] > 0


@pytest.mark.long
@pytest.mark.parametrize(("objective", "validation"), [("audience", False), ("audience", True), ("feed", False)])
def test_items_are_judged_by_those_who_click_later(finished: Finished, objective: str, validation: bool) -> None:
    # With a smaller share too few are left to be judged.
    context = finished.context(f"objective={objective}", "user_samples.validation_share=0.4")
    config, dates = context.config, context.dates
    name = training_step("ralm", 1)
    made_by = next(step for step in lookalike_steps(context) if step.name == name)
    step = RunningStep(context, made_by, context.require(name, "a1"), dates.a1)
    clusters = finished.table("seed_clusters").where(f"purpose = 'train' and round = 1 and draw = {PAST}")
    clusters = clusters.where("model_version like 'ralm-%'")  # not of the variants
    past, arrays = past_arrays(clusters)
    users = sampled_users(step, model_version(context, "attention"))
    judged = gather_past(step, ["no item"], past, model_version(context, "attention"), users, validation)
    assert len(judged.rows) > 5
    assert judged.number.tolist() == (1 + judged.rows).tolist()
    share, seed = config.user_samples.validation_share, config.seed
    shown = finished.table("impressions").select("user_id", "item_id", "shown_at", "clicked")
    kinds = shown.select(
        "*", is_validation_item(share, seed).alias("item"), is_validation_user(share, seed).alias("user")
    )
    at_a1 = finished.table("user_embeddings").where(F.col("as_of") == F.lit(dates.a1)).collect()
    vector = {row["user_id"]: tuple(np.float32(row["embedding"]).tolist()) for row in at_a1}
    of_items: dict[str, list[Row]] = {}
    for row in kinds.where(F.to_date("shown_at") < F.lit(dates.a2)).collect():
        of_items.setdefault(row["item_id"], []).append(row)
    ids = users.column("user_id").to_pylist()
    for place, index in enumerate(judged.rows.tolist()):
        rows = of_items[past[index]]
        assert {row["item"] for row in rows} == {validation}
        clicks = [row for row in rows if row["clicked"]]
        before = {row["user_id"] for row in clicks if row["shown_at"].date() < dates.a1}
        clicked = {row["user_id"] for row in clicks}
        seen = {r["user_id"] for r in rows if r["shown_at"].date() >= dates.a1 and r["user"] == validation} - before
        assert arrays["sizes"][index].sum() == len(before)
        own = judged.clickers[judged.item == place]
        assert Counter(map(tuple, own.tolist())) == Counter(vector[user] for user in seen & clicked)
        if objective == "audience":
            assert {user for user, known in zip(ids, judged.known[place], strict=True) if known} == clicked & set(ids)
        else:
            others = judged.users[~judged.known[place]]
            assert Counter(map(tuple, others.tolist())) == Counter(vector[user] for user in seen - clicked)


def _expected_scores(finished: Finished) -> tuple[list[str], list[str], np.ndarray]:
    """Every user against every scored item by plain loops over the published tables and weights."""
    context = finished.context()
    weights = dated_weights(lookalike_folder(context, "ralm"), context.dates.a3)
    version = lookalike_version(context, "ralm")
    items = sorted(r[0] for r in finished.table("thresholds").select("item_id").collect())
    clusters = {
        r["item_id"]: r
        for r in finished.table("seed_clusters")
        .where(f"purpose = 'production' and model_version = '{version}'")
        .collect()
    }
    users = finished.table("user_embeddings").where(
        (F.col("as_of") == F.lit(context.dates.a3)) & F.col("model_version").startswith("attention")
    )
    rows = sorted(((r["user_id"], np.array(r["embedding"])) for r in users.collect()), key=lambda pair: pair[0])

    def tower(raw: np.ndarray) -> np.ndarray:
        hidden = raw @ weights["tower_weight"].T + weights["tower_bias"]
        hidden = np.where(hidden >= 0, hidden, weights["prelu"] * hidden)
        return hidden / np.linalg.norm(hidden)

    def softmax(x: np.ndarray, counts: np.ndarray) -> np.ndarray:
        e = counts * np.exp(x - x.max())
        return e / e.sum()

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    def coordinates(raw: np.ndarray) -> np.ndarray:
        return (raw - weights["closed_mean"].astype(float)) @ weights["closed_basis"].astype(float)

    def classifier(centroids: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        start, alpha, regularisation, weight = weights["closed_numbers"].astype(float)
        axes, penalty = weights["closed_axes"].astype(float), weights["closed_penalty"].astype(float)
        seeds, count = coordinates(centroids), sizes.sum()
        total = np.eye(len(axes)) + (axes * 3 * penalty) @ axes.T
        for seed, size in zip(seeds, sizes, strict=True):
            total = total + 3 / count * size * np.outer(seed, seed)
        found = np.linalg.solve(total, sizes @ seeds)
        found = found / np.linalg.norm(found) * count / (count + 50) / 2
        along = weights["closed_along"].astype(float)
        line = along @ (along.T @ (sizes @ seeds / count) / (weights["closed_levels"] + 0.5 / count))
        found = found + line / np.linalg.norm(line) * count**2 / (count**2 + 20**2) / 2
        if not len(weights["closed_moment"]):  # no ALS factors are stacked
            return weight * found
        factors = centroids[:, int(start) : int(start) + len(weights["closed_moment"])]
        own = weights["closed_moment"] + regularisation * count * np.eye(factors.shape[1])
        for centroid, size in zip(factors, sizes, strict=True):
            own = own + alpha * size * np.outer(centroid, centroid)
        folded = weights["closed_outward"] @ np.linalg.solve(own, sizes @ factors)
        return weight * (found + folded / np.linalg.norm(folded) * count**2 / (count**2 + 50**2))

    def direction(centroids: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        count = sizes.sum()
        mean = sizes @ centroids / count
        prior, expected = weights["closed_prior"].astype(float), count * weights["closed_between"].astype(float)
        post = prior + expected / (expected + 1) * (coordinates(mean) - prior)
        axes, penalty = weights["closed_axes"].astype(float), weights["closed_penalty"].astype(float)
        found = axes @ (axes.T @ post / (1 + penalty * (20 / (count + 20)) ** 2))
        found = found / np.linalg.norm(found) + weights["closed_common"]
        if weights["closed_numbers"][-1]:
            found = found + classifier(centroids, sizes)
        return found / np.linalg.norm(found)

    alpha, beta, closed = (float(weights[name]) for name in ("alpha", "beta", "closed"))
    assert closed == 1
    scores = np.zeros((len(rows), len(items)))
    for j, item in enumerate(items):
        sizes = np.array(clusters[item]["sizes"])
        raw = np.array(clusters[item]["centroids"]).reshape(len(sizes), -1)[sizes > 0]
        seeds = np.stack([tower(c) for c in raw])
        counts = sizes[sizes > 0]
        weight = softmax(np.array([weights["global_v2"] @ np.tanh(weights["global_v1"] @ s) for s in seeds]), counts)
        overall = sum(w * s for w, s in zip(weight, seeds, strict=True))
        kind = direction(raw, counts)
        for i, (_, embedding) in enumerate(rows):
            user = tower(embedding)
            attention = softmax(np.array([s @ weights["attention_w"] @ user for s in seeds]), counts)
            local = sum(a * s for a, s in zip(attention, seeds, strict=True))
            scores[i, j] = alpha * cosine(user, overall) + beta * cosine(user, local)
            scores[i, j] += closed * (coordinates(embedding) @ kind) + weights["bias_weight"] @ embedding
    return [u for u, _ in rows], items, scores


def test_audiences_are_the_exact_top_of_all_users(finished: Finished) -> None:
    users, items, scores = _expected_scores(finished)
    seeds: dict[str, set[str]] = {
        r["item_id"]: {s["user_id"] for s in r["seeds"]}
        for r in finished.table("item_seeds").where("purpose = 'production'").collect()
    }
    got: dict[str, dict[str, float]] = {item: {} for item in items}
    for row in finished.table("audiences").collect():
        got[row["item_id"]][row["user_id"]] = row["score"]
    for j, item in enumerate(items):
        candidates = {u: s for u, s in zip(users, scores[:, j], strict=True) if u not in seeds[item]}
        size = int(np.ceil(0.05 * len(candidates)))
        assert len(got[item]) == size
        assert not got[item].keys() & seeds[item]
        for user, score in got[item].items():
            assert score == pytest.approx(candidates[user], abs=2e-5)
        cut = sorted(candidates.values(), reverse=True)[size - 1]
        assert min(candidates[user] for user in got[item]) >= cut - 2e-5


def test_recommendations_are_the_best_items_of_every_user(finished: Finished) -> None:
    users, _, scores = _expected_scores(finished)
    rows = {r["user_id"]: r for r in finished.table("recommendations").collect()}
    assert rows.keys() == set(users)
    for i, user in enumerate(users):
        np.testing.assert_allclose(rows[user]["scores"], np.sort(scores[i])[::-1][:10], atol=2e-5)


def test_users_without_any_history_are_scored_too(finished: Finished) -> None:
    as_of = finished.context().dates.a3
    scored = finished.table("target_embeddings").where(F.col("as_of") == F.lit(as_of)).select("user_id").distinct()
    assert scored.count() == 1000
    with_history = finished.table("histories").where(F.col("as_of") == F.lit(as_of)).count()
    assert with_history < 1000


def test_an_item_with_fewer_seeds_than_clusters_has_absent_ones(finished: Finished) -> None:
    k = finished.config.lookalike.clusters
    seeds = finished.table("item_seeds").select("purpose", "item_id", "draw", "seed_count")
    found = finished.table("seed_clusters").where("model_version like 'ralm-%'")  # not of the variants
    clusters = found.join(seeds, ["purpose", "item_id", "draw"]).collect()
    assert {(row["purpose"], row["draw"]) for row in clusters} == {
        ("train", PAST),
        ("train", 0),
        ("train", 1),
        ("evaluate", 0),
        ("production", 0),
    }
    few = [row for row in clusters if row["seed_count"] < k]
    assert few
    for row in clusters:
        assert len(row["sizes"]) == k
        assert sum(row["sizes"]) == row["seed_count"]
    for row in few:
        absent = np.array(row["sizes"]) == 0
        assert absent.sum() >= k - row["seed_count"]
        assert not np.array(row["centroids"]).reshape(k, -1)[absent].any()


def test_metrics_compare_the_systems(finished: Finished) -> None:
    rows = finished.table("metrics").collect()
    found = {(r["system"], r["metric"]) for r in rows if r["split"] == "test" and r["protocol"] == "new_items"}
    for system in ("ralm", "ralm_average", "popularity", "user_activity"):
        for metric in ("item_auc", "all_users_auc", "auc", "prec@10", "prec@50", "recall@1%", "recall@5%"):
            assert (system, metric) in found
    assert {("oracle", metric) for metric in ("item_auc", "all_users_auc", "recall@5%")} <= found
    assert all(0 <= r["value"] <= 1 for r in rows if " - " not in r["system"])
    for metric in ("item_auc", "all_users_auc"):  # the same score for all users of an item
        assert {r["value"] for r in rows if (r["system"], r["metric"]) == ("popularity", metric)} == {0.5}
    # Differences are paired: on the same items they are those of the means.
    means = {(r["system"], r["protocol"], r["metric"], r["split"]): (r["value"], r["items"]) for r in rows}
    paired = {key: value for key, value in means.items() if key[0] == "ralm - user_activity"}
    assert {key[2] for key in paired} >= {"item_auc", "all_users_auc", "prec@10"}
    for (_, *key), (mean, items) in paired.items():
        (own, own_items), (other, other_items) = (means[system, *key] for system in ("ralm", "user_activity"))
        if own_items == other_items == items:
            assert mean == pytest.approx(own - other)


@pytest.mark.long
def test_the_auc_against_all_users_is_that_of_a_loop(finished: Finished) -> None:
    """Of user activity, from the tables alone: everyone who never clicked the item is another user."""
    context = finished.context()
    dates, config = context.dates, finished.config
    shown = finished.table("impressions").where("clicked").collect()
    before = {(r["item_id"], r["user_id"]) for r in shown if r["shown_at"].date() < dates.a2}
    window = {(r["item_id"], r["user_id"]) for r in shown if dates.a2 <= r["shown_at"].date() < dates.a3} - before
    new = {
        r[0]
        for r in finished.table("items")
        .where(is_new_item("item_id", config.evaluation.new_item_share, config.seed))
        .select("item_id")
        .collect()
    }
    counted: Counter[str] = Counter()
    for row in finished.table("events").where(F.col("event_time") < F.lit(dates.a2)).collect():
        if row["domain"] not in config.fields.item_domains or row["feature_id"] not in new:
            counted[row["user_id"]] += 1
    users = [row["user_id"] for row in finished.table("users").collect()]
    seeds = finished.table("item_seeds").where(f"purpose = 'evaluate' AND seed_count >= {config.lookalike.min_seeds}")
    order = [
        r["item_id"] for r in seeds.orderBy(uniform("evaluated item", config.seed, "item_id"), "item_id").collect()
    ]
    seen: dict[tuple[str, str], bool] = {}
    for row in finished.table("impressions").collect():
        pair = (row["item_id"], row["user_id"])
        if dates.a2 <= row["shown_at"].date() < dates.a3 and pair not in before:
            seen[pair] = seen.get(pair, False) or row["clicked"]
    labels = {item: Counter(clicked for (other, _), clicked in seen.items() if other == item) for item in new}
    least, most = config.evaluation.min_labels, config.evaluation.max_items
    judged = [item for item in order if item in new and min(labels[item][False], labels[item][True]) >= least][:most]
    assert len(judged) > 5
    areas = []
    for item in judged:
        own = [counted[user] for user in users if (item, user) in window]
        others = [counted[user] for user in users if (item, user) not in window | before]
        areas.append(roc_auc_score([1] * len(own) + [0] * len(others), own + others))
    row = finished.table("metrics").where(
        "system = 'user_activity' AND protocol = 'new_items' AND split = 'test' AND metric = 'all_users_auc'"
    )
    assert row.first()["value"] == pytest.approx(np.mean(areas), abs=1e-9)


def test_the_report_is_one_self_contained_file(finished: Finished) -> None:
    text = (Path(str(finished.config.warehouse)) / "report.html").read_text(encoding="utf-8")
    assert "RALM" in text
    assert text.count("<svg") >= 5
    assert "What the exposure thresholds let through" in text
    assert not re.search(r"""(?:src|href)=["']https?://""", text)


def test_the_first_screen_of_the_report_shows_what_is_in_the_tables(finished: Finished) -> None:
    data = json.loads((Path(str(finished.config.warehouse)) / "report.json").read_text(encoding="utf-8"))
    dates = finished.context().dates
    audiences = finished.table("audiences").where((F.col("as_of") == F.lit(dates.a3)) & (F.col("system") == "ralm"))
    sizes = {row["item_id"]: row["count"] for row in audiences.groupBy("item_id").count().collect()}
    titles = {row["item_id"]: row["title"] for row in finished.table("items").collect()}
    assert (data["production"], data["found"]["audiences"]) == ("ralm", len(sizes))
    for row in data["found"]["best"]:
        assert (row["audience"], row["title"]) == (sizes[row["item_id"]], titles[row["item_id"]])
        assert row["found"] is None or row["low"] <= row["found"] <= row["high"]
    dated = finished.table("histories").where(F.col("as_of") == F.lit(dates.a2))
    readers = dated.where(F.size("reading") > 0).count()
    assert data["history"] == {"without": finished.table("users").count() - readers, "having": readers}
    rates = data["shown_rates"]
    assert rates["best"] == pytest.approx(0.1 * rates["people"])
    assert 0 < rates["clicks"] < rates["people"]
    assert rates["best_clicks"] <= min(rates["best"], rates["clicks"])


def test_a_release_names_versions_that_can_be_read_together(finished: Finished) -> None:
    release = finished.table("releases").where("current").first()
    assert release is not None
    versions = release["tables"]
    frame = finished.spark.read.format("delta").option("versionAsOf", versions["audiences"])
    assert frame.load(f"{finished.config.warehouse}/audiences").count() > 0


def test_the_gate_keeps_the_current_release(finished: Finished) -> None:
    warehouse = finished.context().warehouse
    releases = warehouse.read("releases").collect()
    better = [(*tuple(r)[:5], {"new_items": 0.999, "later_clicks": 0.999}, *tuple(r)[6:]) for r in releases]
    frame = finished.spark.createDataFrame(better, warehouse.read("releases").schema)
    replace(warehouse, "releases", frame, {}, app_id="test", attempt=1, run_id="test")
    context = finished.context("evaluation.gate=0.01")
    context.force = True
    with pytest.raises(DataError, match=r"item_auc .* it stays current"):
        run_steps(context, publish_steps(context))
    assert context.warehouse.read("releases").where("current").first()["metrics"]["new_items"] == 0.999


@pytest.mark.long
def test_chosen_items_without_seeds_are_named_and_left_out(finished: Finished) -> None:
    scored = finished.table("thresholds").select("item_id").first()[0]
    lines: list[str] = []
    context = finished.context(f"scoring.items=[{scored}, nobody]", say=lines.append)
    run_steps(context, nightly_scoring.steps(context))
    assert any("item 'nobody' skipped: 0 seeds" in line for line in lines)
    assert {r[0] for r in finished.table("audiences").select("item_id").distinct().collect()} == {scored}
    before = finished.context().warehouse.version("audiences")
    context = finished.context("scoring.items=[nobody]", say=lines.append)
    with pytest.raises(DataError, match="no chosen item has"):
        run_steps(context, nightly_scoring.steps(context))
    assert context.warehouse.version("audiences") == before


def test_nothing_is_emptied_where_no_item_has_enough_seeds(finished: Finished) -> None:
    before = finished.context().warehouse.version("item_seeds")
    context = finished.context("lookalike.min_seeds=9999", "lookalike.seed_cap=9999")
    with pytest.raises(DataError, match=r"item_seeds: no item has lookalike.min_seeds = 9999 seeds for 'production'"):
        run_steps(context, item_seeds.steps(context)[2:])
    assert context.warehouse.version("item_seeds") == before


def test_dry_run_prints_and_runs_nothing(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    context = finished.context("scoring.recommendations=3")
    before = context.warehouse.version("runs")
    pipeline._dry_run(context, nightly.steps(context))
    printed = capsys.readouterr().out
    assert "recommendations: 3" in printed
    assert re.search(r"impressions: version \d+", printed)
    assert "score_users [a3]: run" in printed
    assert context.warehouse.version("runs") == before


def test_the_evaluation_reads_pinned_inputs(finished: Finished) -> None:
    record = finished.context().require("evaluate", "a2")
    assert set(evaluate_steps(finished.context())[0].inputs) == set(record.inputs)
