"""Excluded fields change nothing any more: their values are permuted over users, what models read stays as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.steps.nightly import run_night
from jobs.steps.sources.known_events import known_events
from jobs.steps.users import stand_ins
from jobs.steps.users.histories import build_histories
from ralm.config import Config, auto
from ralm.features.data_counts import count_data
from ralm.features.user_fields import FieldIndexer, join_profiles, output_schema
from ralm.features.vocabularies import FieldSizes, build_vocabularies, field_sizes, lookup_tables
from ralm.runs.context import Context
from tests.steps.toy import CONFIG, write_toy
from udfs.fields import index_users

pytestmark = [pytest.mark.spark]
EXCLUDED = ["shopping", "city", "age"]
A1, A3 = dt.date(2024, 1, 6), dt.date(2024, 1, 11)


def permuted(folder: Path) -> None:
    """What users shopped goes to other users and changes its name, cities and ages go to others, too."""
    rng = np.random.default_rng(7)
    events = pq.read_table(folder / "events.parquet")
    shopped = np.flatnonzero(pc.equal(events["domain"], "shopping").to_numpy(zero_copy_only=False))
    for name in ("user_id", "feature_id"):
        values = np.array(events[name].to_pylist(), object)
        values[shopped] = values[rng.permutation(shopped)]
        events = events.set_column(events.schema.get_field_index(name), name, pa.array(values, pa.string()))
    pq.write_table(events, folder / "events.parquet")
    users = pq.read_table(folder / "users.parquet")
    for name in ("city", "age"):
        mixed = users[name].take(pa.array(rng.permutation(len(users))))
        users = users.set_column(users.schema.get_field_index(name), name, mixed)
    pq.write_table(users, folder / "users.parquet")


def read_by_models(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch, *, mix: bool = False, excluded: list[str]
) -> dict[str, Any]:
    """What steps read of a world of the same seed, and the configuration that they go by, made as the steps make it."""
    folder.mkdir()
    write_toy(folder)
    if mix:
        permuted(folder)
    given = {key: value for key, value in CONFIG.items() if key not in ("user_model", "lookalike")}
    config = Config.model_validate(given | {"privacy": {"excluded_fields": excluded}})  # much follows from the data
    tables = {name: spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("users", "events", "impressions")}
    at = F.col("at").cast("timestamp").alias("event_time")  # as `ingest` writes it
    tables["events"] = tables["events"].select("user_id", "domain", "feature_id", at).persist()
    domains = [field.domain for field in config.without_excluded().fields.history]
    counts = count_data(tables["users"], tables["events"], tables["impressions"], domains, config.seed)
    used = auto.resolve(config, counts)
    step = SimpleNamespace(read=tables.__getitem__, context=SimpleNamespace(config=used, spark=spark), as_of=A3)
    events = known_events(step).persist()  # type: ignore[arg-type]
    vocabulary = build_vocabularies(events, tables["users"], used.fields, A1).persist()
    sizes = field_sizes(vocabulary, tables["users"], used.fields, "one")
    profiles = join_profiles(tables["users"], build_histories(events, used.fields.history, A3), used.fields)
    indexer = FieldIndexer(sizes, lookup_tables(vocabulary, sizes))
    schema = output_schema(sizes, tables["users"].schema["user_id"])
    fields = profiles.mapInArrow(index_users(indexer), schema).persist()
    found: dict[str, Any] = {"configuration": used.model_dump(), "sizes": sizes, "counts": counts}
    for name, frame in {"known events": events, "vocabulary": vocabulary, "fields": fields}.items():
        found[name] = sorted(map(str, frame.collect()))
    found["columns"] = fields.columns
    found["raw"] = sorted(map(str, tables["users"].collect()))
    found["lines"], found["checks"] = _guessed(step, sizes, fields, monkeypatch)
    return found


def _guessed(
    step: SimpleNamespace, sizes: FieldSizes, fields: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], dict[str, tuple[bool, float]]]:
    """What the step `measure_stand_ins` says and checks."""
    monkeypatch.setattr(stand_ins, "load_sizes", lambda context: sizes)
    lines: list[str] = []
    checks: dict[str, tuple[bool, float]] = {}
    step.at = lambda name, **keys: fields
    step.say = lines.append
    step.check = lambda name, passed, value, detail: checks.update({name: (passed, value)})
    measure: Callable[[Any], None] = stand_ins._measure
    measure(step)
    return lines, checks


def test_permuting_excluded_fields_changes_nothing_that_is_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = read_by_models(spark, tmp_path / "as it is", monkeypatch, excluded=EXCLUDED)
    mixed = read_by_models(spark, tmp_path / "mixed", monkeypatch, excluded=EXCLUDED, mix=True)
    assert as_it_is["raw"] != mixed["raw"]  # the tables of the logs keep what nothing else reads
    for name in as_it_is.keys() - {"raw", "checks", "lines"}:
        assert as_it_is[name] == mixed[name], name
    assert {"history_shopping", "category_city", "numeric"}.isdisjoint(as_it_is["columns"])
    assert "history_reading" in as_it_is["columns"]
    assert as_it_is["configuration"]["user_model"]["representations"] == ["reading"]

    # Reading tells the group, and with a chance of .7 + .3 / 4 the city is that of the group: the AUC of a user's group
    # is (.775 + (1 - .25 · .225 / .75)) / 2 = .85.
    guessed = as_it_is["checks"]
    assert guessed["stand-in:city"][1] == pytest.approx(0.85, abs=0.08)
    assert not guessed["stand-in:city"][0]
    assert guessed["stand-in:age"][1] > 0.85  # 20 + 10 · group, give or take 4
    assert any("excluded field 'city' can be guessed from the others" in line for line in as_it_is["lines"])
    assert all("most of it from 'reading'" in line for line in as_it_is["lines"] if "WARNING" in line)
    # Of values that were dealt out at random nothing can be guessed; the best of four cities is looked at.
    assert mixed["checks"]["stand-in:city"][1] < 0.7
    assert mixed["checks"]["stand-in:city"][0]


@pytest.mark.soak
@pytest.mark.timeout(2700)
def test_permuting_excluded_fields_leaves_every_score(spark: SparkSession, tmp_path: Path) -> None:
    """A whole night on each world, trainings among it."""
    found = []
    for name in ("as it is", "mixed"):
        folder = tmp_path / name
        folder.mkdir()
        write_toy(folder)
        if name == "mixed":
            permuted(folder)
        places = {"data_root": str(folder), "warehouse": str(folder / "wh")}
        config = Config.model_validate(CONFIG | places | {"privacy": {"excluded_fields": EXCLUDED}})
        context = Context(spark, config, say=lambda _: None)
        run_night(context)
        rows = context.warehouse.read("audiences").select("item_id", "user_id", "system", "score").collect()
        found.append(sorted(map(tuple, rows)))
    assert found[0] == found[1]
    assert len({score for *_, score in found[0]}) > 100
