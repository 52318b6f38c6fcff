"""The commands of published protocols: files in their raw formats, and the whole way to a figure on a small one."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from benchmarks.protocols import configured
from benchmarks.published_files import CVAR, META_EMBEDDING, metaheac_test_ads, tencent_ads, warm_up_pairs, write_films
from jobs.steps import nightly
from jobs.steps.evaluation import compare
from ralm.config import load_config
from ralm.ingest.tables import ingest
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.benchmarks.tencent_files import ADS, FIELDS, write_tencent

# As of CVAR's notebook: its films, a few of each kind.
COUNTS = {"old": 250, "just old": 201, "new": 200, "smallest new": 60, "neither": 59}


@pytest.mark.parametrize("count", [16, 173])
def test_the_judged_ads_are_those_that_the_original_script_leaves(count: int) -> None:
    ads = list(np.random.default_rng(1).permutation(np.arange(count) * 7 + 3))
    state = random.getstate()
    random.seed(2021)
    numbers = set(range(count))
    train = set(random.sample(tuple(numbers), int(len(numbers) / 2)))  # as Python did with a set until 3.10
    random.setstate(state)
    ordered = sorted(int(ad) for ad in ads)
    assert metaheac_test_ads([int(ad) for ad in ads]) == [ordered[n] for n in sorted(numbers - train)]


def test_films_are_divided_as_in_the_original_notebook() -> None:
    rng = np.random.default_rng(2)
    item = rng.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
    time = rng.permutation(len(item)).astype(float)
    at, new = warm_up_pairs(item, time, CVAR, seed=1)
    assert sorted(new) == ["new", "smallest new"]
    frame = pd.DataFrame({"item": item, "time": time, "day": at.astype("datetime64[D]").astype(str), "at": at})
    days = {name: set(group["day"]) for name, group in frame.groupby("item")}
    assert days["old"] == days["just old"] == {"2000-01-01", "2000-01-02", "2000-01-03"}
    assert days["neither"] == {"2000-01-05"}
    for name in new:
        ordered = frame[frame["item"] == name].sort_values("time")
        assert list(ordered["day"]) == ["2000-01-03"] * 60 + ["2000-01-04"] * (COUNTS[name] - 60)
        assert ordered["at"].head(60).is_monotonic_increasing
        assert ordered["at"].head(60).is_unique


def write_dat(folder: Path) -> None:
    rng = np.random.default_rng(4)
    films = {"1": 230, "2": 150, "3": 70, "4": 10}
    (folder / "users.dat").write_text("".join(f"{u}::{'MF'[u % 2]}::25::{u % 7}::0{u}\n" for u in range(1, 301)))
    named = "".join(f"{film}::Été {film} ({1990 + int(film)})::Drama|Comedy\n" for film in films)
    (folder / "movies.dat").write_bytes(named.encode("iso-8859-1"))
    rows = [
        f"{user}::{film}::{rng.integers(1, 6)}::{978300000 + int(rng.integers(10**6))}\n"
        for film, count in films.items()
        for user in rng.choice(np.arange(1, 301), count, replace=False)
    ]
    (folder / "ratings.dat").write_text("".join(rows))


def test_packed_films_make_a_configuration(tmp_path: Path) -> None:
    write_dat(tmp_path)
    path = configured("cvar", tmp_path, tmp_path / "out", ["ralm"])
    config = load_config(path)
    assert config.evaluation.new_item_share == ["2", "3"]
    assert config.ingest is not None
    assert config.ingest.impressions.columns["clicked"] == "rating >= 4"
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert items[0] == {"item_id": "1", "genres": "Drama|Comedy", "year": 1991}
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pandas()
    assert len(pairs) == 460
    assert set(pairs["rating"]) == {1, 2, 3, 4, 5}
    assert pq.read_table(tmp_path / "out" / "users.parquet").num_rows == 300


def test_pairs_alone_make_a_configuration_without_non_clicks(tmp_path: Path) -> None:
    write_dat(tmp_path)
    configured("cvar", tmp_path, tmp_path / "rated", ["ralm"])
    (tmp_path / "rated" / "pairs.parquet").rename(tmp_path / "rated" / "interactions.parquet")
    config = load_config(configured("cvar", tmp_path / "rated", tmp_path / "out", ["ralm"]))
    assert config.evaluation.new_item_share == ["2", "3"]
    assert config.ingest is not None
    assert "clicked" not in config.ingest.impressions.columns
    assert [source.domain for source in config.ingest.events] == config.fields.item_domains == ["film"]


@pytest.mark.long
@pytest.mark.spark
def test_packed_films_are_read_as_ratings(spark: SparkSession, tmp_path: Path) -> None:
    write_dat(tmp_path)
    config = load_config(configured("cvar", tmp_path, tmp_path / "out", ["ralm"]))
    result = ingest(spark, config)
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pandas()
    shown = {(row["user_id"], row["item_id"], row["shown_at"], row["clicked"]) for row in result.impressions.collect()}
    assert shown == {(p.user_id, p.item_id, p.at.to_pydatetime(), p.rating >= 4) for p in pairs.itertuples()}
    events = {(row["domain"], row["user_id"], row["feature_id"]) for row in result.events.collect()}
    assert events == {("film", p.user_id, p.item_id) for p in pairs.itertuples()} | {
        ("liked", p.user_id, p.item_id) for p in pairs.itertuples() if p.rating >= 4
    }
    assert {row["item_id"]: row["categories"] for row in result.items.collect()}["1"] == ["Drama", "Comedy"]
    assert result.quarantine.isEmpty()


@pytest.mark.long
@pytest.mark.spark
def test_raw_tencent_files_are_read_in_two_stages(spark: SparkSession, tmp_path: Path) -> None:
    files = write_tencent(tmp_path)
    result = ingest(spark, load_config(configured("metaheac", tmp_path, tmp_path / "out", ["ralm"])))
    expected, lines = set(), (tmp_path / "userFeature.data").read_text().splitlines()
    for line in lines:
        (_, user), *parts = (part.split(" ", 1) for part in line.split("|"))
        expected |= {(user, name, thing) for name, things in parts if name in FIELDS for thing in things.split(" ")}
    events = result.events.collect()
    assert {(row["user_id"], row["domain"], row["feature_id"]) for row in events} == expected
    assert len(events) == len(expected) == sum(files.activity.values())
    days = pd.Series([str(row["event_date"]) for row in events]).value_counts(normalize=True)
    assert days["2018-01-02"] == pytest.approx(0.3, abs=0.03)
    assert set(days.index) == {"2018-01-01", "2018-01-02"}
    shown = {
        (str(row["shown_date"]), row["item_id"], row["user_id"], row["clicked"]) for row in result.impressions.collect()
    }
    assert shown == {
        (day, str(ad), str(user), label == 1)
        for day, rows in zip(("2018-01-03", "2018-01-04"), files.stages, strict=True)
        for ad, user, label in rows
    }
    (first,) = result.users.where("user_id = '1'").collect()
    fields = dict(part.split(" ", 1) for part in lines[0].split("|"))
    assert (first["age"], first["location"], first["consumption"]) == tuple(
        fields[name] for name in ("age", "LBS", "consumptionAbility")
    )
    assert first["house"] == fields.get("house")
    assert {row["item_id"]: row["categories"] for row in result.items.collect()}["17"] == [
        *("advertiser 0", "campaign 100", "size 20", "category 0", "product 0", "product type 6")
    ]
    assert result.quarantine.isEmpty()


@pytest.mark.long
@pytest.mark.data
def test_the_real_films_give_the_numbers_that_the_notebooks_print(real_data: Path, tmp_path: Path) -> None:
    """Meta-Embedding: 3,828 batches of 200 and the rest of a batch; 46 batches of at most 25 films. CVAR: sizes."""
    for division, films, old_pairs, judged in ((META_EMBEDDING, 1_127, 765_669, 123_787), (CVAR, 972, 854_530, 58_409)):
        new, rated = write_films(real_data / "movielens_1m", tmp_path, division)
        days = pq.read_table(tmp_path / "pairs.parquet")["at"].to_numpy().astype("datetime64[D]")
        found = dict(zip(*(part.tolist() for part in np.unique(days.astype(str), return_counts=True)), strict=True))
        assert not rated
        assert len(new) == films
        assert found["2000-01-04"] == judged
        assert sum(found[f"2000-01-0{day}"] for day in (1, 2, 3)) == old_pairs + 60 * films
    assert 765_669 // 200 == 3_828
    assert -(-1_127 // 25) == 46


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(2700)
@pytest.mark.soak
def test_raw_tencent_files_give_the_figures_of_a_plain_computation(spark: SparkSession, tmp_path: Path) -> None:
    files = write_tencent(tmp_path)
    path = configured("metaheac", tmp_path, tmp_path / "out", ["ralm", "user_activity"])
    judged = metaheac_test_ads(tencent_ads(tmp_path))
    assert len(judged) == ADS / 2
    config = load_config(
        path, ["comparison.hot_seeds=65", "user_training.processes=1", "lookalike_training.processes=1"]
    )
    context = Context(spark, config, say=lambda line: None)
    nightly.run_night(context)
    run_steps(context, compare.steps(context))

    first, second = (pd.DataFrame(rows, columns=["ad", "user", "label"]) for rows in files.stages)
    both = pd.concat([first, second])
    positives = both[both["label"] == 1].groupby("ad").size()
    rows = context.warehouse.read("metrics").where("protocol LIKE 'crowds@%' AND split = 'test'").collect()
    found = {(row["system"], row["protocol"], row["metric"]): row["value"] for row in rows}
    second["score"] = second["user"].map(lambda user: files.activity[str(user)])
    for crowd in ("hot", "cold"):
        ads = [ad for ad in judged if (positives[ad] > 65) == (crowd == "hot")]
        assert ads
        own = second[second["ad"].isin(ads)]
        areas, precisions, recalls = [], [], []
        for _, group in own.groupby("ad"):
            ordered = sorted(zip(-group["score"], group["user"].astype(str), group["label"] == 1, strict=True))
            top = int(len(ordered) * 0.05)
            hits = sum(clicked for _, _, clicked in ordered[:top])
            areas.append(roc_auc_score(group["label"] == 1, group["score"]))
            precisions.append(hits / top)
            recalls.append(hits / (group["label"] == 1).sum())
        expected = {
            "auc": roc_auc_score(own["label"] == 1, own["score"]),
            "item_auc": np.mean(areas),
            "shown_prec@5%": np.mean(precisions),
            "shown_recall@5%": np.mean(recalls),
        }
        of_activity = {name: found["user_activity", f"crowds@{crowd}", name] for name in expected}
        assert of_activity == pytest.approx(expected)
        assert found["ralm", f"crowds@{crowd}", "item_auc"] > 0.65  # which group an ad is for is found
        assert found["ralm", f"crowds@{crowd}", "shown_prec@5%"] > expected["shown_prec@5%"]
