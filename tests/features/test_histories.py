"""Histories and user fields against plain Python."""

import datetime as dt
import random

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs.steps.users.histories import build_histories
from ralm.config import Fields
from ralm.features.histories import update_histories
from ralm.features.holdout import is_new_item, without_new_items
from ralm.features.user_fields import FieldIndexer, join_profiles, output_schema
from ralm.features.vocabularies import build_vocabularies, field_sizes, lookup_tables
from udfs.fields import index_users

pytestmark = pytest.mark.spark
START = dt.datetime(2024, 1, 1)
FIELDS = Fields.model_validate(
    {
        "history": [
            {"domain": "reading", "length": 3, "vocabulary": 4, "out_of_vocabulary": 2},
            {"domain": "shopping", "length": 2},
        ],
        "categorical": [{"name": "gender"}],
        "numeric": ["age"],
        "item_domains": ["reading"],
        "strong_domain": "reading",
    }
)
SCHEMA = "user_id string, domain string, feature_id string, event_time timestamp"


def random_events(count: int, seed: int) -> list[tuple[str, str, str, dt.datetime]]:
    generator = random.Random(seed)
    return [
        (
            f"u{generator.randrange(12)}",
            generator.choice(["reading", "shopping", "music"]),
            f"f{generator.randrange(9)}",
            START + dt.timedelta(hours=generator.randrange(240)),
        )
        for _ in range(count)
    ]


def newest(events, user, domain, length, until):
    mine = {(t, f) for u, d, f, t in events if u == user and d == domain and t < until}
    counted = [(t, f) for u, d, f, t in events if u == user and d == domain and t < until]
    assert len(mine) <= len(counted)
    return sorted(counted, key=lambda e: (-e[0].timestamp(), e[1]))[:length]


def as_dict(frame):
    return {
        row["user_id"]: {d: [(e["event_time"], e["feature_id"]) for e in row[d]] for d in ("reading", "shopping")}
        for row in frame.collect()
    }


def test_newest_entries_match_a_plain_sort(spark: SparkSession) -> None:
    events = random_events(400, 1)
    until = dt.date(2024, 1, 8)
    got = as_dict(build_histories(spark.createDataFrame(events, SCHEMA), FIELDS.history, until))
    end = dt.datetime(2024, 1, 8)
    for user in {u for u, d, _, t in events if t < end and d != "music"}:
        assert got[user]["reading"] == newest(events, user, "reading", 3, end)
        assert got[user]["shopping"] == newest(events, user, "shopping", 2, end)


def test_a_later_event_never_reaches_a_history(spark: SparkSession) -> None:
    planted = [("u1", "reading", "f1", START), ("u1", "reading", "leak", dt.datetime(2024, 1, 8))]
    got = as_dict(build_histories(spark.createDataFrame(planted, SCHEMA), FIELDS.history, dt.date(2024, 1, 8)))
    assert got["u1"]["reading"] == [(START, "f1")]


def test_an_update_equals_a_rebuild(spark: SparkSession) -> None:
    events = spark.createDataFrame(random_events(300, 2), SCHEMA)
    middle, end = dt.date(2024, 1, 5), dt.date(2024, 1, 9)
    previous = build_histories(events, FIELDS.history, middle)
    recent = build_histories(events, FIELDS.history, end, since=middle)
    assert as_dict(update_histories(previous, recent, FIELDS.history)) == as_dict(
        build_histories(events, FIELDS.history, end)
    )


def test_new_items_leave_item_domains_only(spark: SparkSession) -> None:
    rows = [("u", d, f"f{i}", START) for i in range(200) for d in ("reading", "shopping")]
    events = spark.createDataFrame(rows, SCHEMA)
    kept = without_new_items(events, ["reading"], 0.25, 7)
    held_out = {
        r[0] for r in events.where(is_new_item("feature_id", 0.25, 7)).select("feature_id").distinct().collect()
    }
    assert 25 < len(held_out) < 75
    reading = {r[0] for r in kept.where("domain = 'reading'").select("feature_id").collect()}
    assert not reading & held_out
    assert kept.where("domain = 'shopping'").count() == 200
    assert without_new_items(events, [], 0.25, 7).count() == 400  # items that are in no domain
    some = ["f3", "f5"]
    rest = without_new_items(events, ["reading"], some, 7)
    left = {(row["domain"], row["feature_id"]) for row in rest.collect()}
    assert left == {(row[1], row[2]) for row in rows} - {("reading", name) for name in some}
    assert without_new_items(events, ["reading"], [], 7).count() == 400


def test_vocabularies_rank_by_frequency_before_the_date(spark: SparkSession) -> None:
    rows = [("u", "reading", f"f{i}", START) for i in range(6) for _ in range(10 - i)]
    rows += [("u", "reading", "f5", dt.datetime(2024, 2, 1))] * 50  # frequent only after the date: a leak
    users = spark.createDataFrame([("u", "x", 1.0), ("v", "x", None)], "user_id string, gender string, age double")
    got = build_vocabularies(spark.createDataFrame(rows, SCHEMA), users, FIELDS, dt.date(2024, 1, 20)).collect()
    reading = sorted((r["index"], r["feature_id"], r["frequency"]) for r in got if r["field"] == "reading")
    assert reading == [(1, "f0", 10), (2, "f1", 9), (3, "f2", 8), (4, "f3", 7)]
    assert [(r["feature_id"], r["frequency"]) for r in got if r["field"] == "gender"] == [("x", 2)]


def test_user_fields_are_indices_padded_and_normalised(spark: SparkSession) -> None:
    events = spark.createDataFrame(
        [("a", "reading", f, START + dt.timedelta(hours=h)) for h, f in enumerate(["f0", "f0", "f1", "zzz"])], SCHEMA
    )
    users = spark.createDataFrame(
        [("a", "x", 10.0), ("b", "y", 20.0), ("c", None, None)], "user_id string, gender string, age double"
    )
    until = dt.date(2024, 2, 1)
    vocabularies = build_vocabularies(events.where("feature_id != 'zzz'"), users, FIELDS, until).localCheckpoint()
    sizes = field_sizes(vocabularies, users, FIELDS, "v1")
    tables = lookup_tables(vocabularies, sizes)
    assert tables["reading"] == ["f0", "f1"]
    assert [h.size for h in sizes.user_fields.histories] == [5, 2]
    prepared = join_profiles(users, build_histories(events, FIELDS.history, until), FIELDS)
    schema = output_schema(sizes, users.schema["user_id"])
    out = prepared.mapInArrow(index_users(FieldIndexer(sizes, tables)), schema).toPandas()
    out = out.sort_values("user_id").set_index("user_id")
    newest_first = list(out.loc["a", "history_reading"])
    assert newest_first[1:] == [2, 1]
    assert newest_first[0] in (3, 4)  # one of the two shared out-of-vocabulary indices
    assert list(out.loc["b", "history_reading"]) == [0, 0, 0]
    assert out["category_gender"].tolist()[2] == 0
    assert sorted(out["category_gender"].tolist()[:2]) == [1, 2]
    np.testing.assert_allclose([n[0] for n in out["numeric"]], [-1.0, 1.0, 0.0])
