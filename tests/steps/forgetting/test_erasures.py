"""Users leave a finished warehouse: every table, file, store and earlier version is looked through for them."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

import ralm
from jobs.steps.forgetting import erasures
from jobs.steps.forgetting.erasures import Asked, Erasures
from jobs.steps.forgetting.tables import Leaving
from jobs.steps.nightly import steps as nightly_steps
from jobs.steps.releases.serving_export import Export
from jobs.steps.seeds.live_seeds import SeedStream
from ralm.runs.context import Context
from ralm.runs.runner import plan_steps
from ralm.serving import Scorer
from ralm.serving.lmdb_store import LmdbStore
from ralm.training.judged_items import Situation
from ralm.warehouse.holders import TRACES, holders
from ralm.warehouse.releases import current_release
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.vector_keys import vector_keys
from tests.finished import Finished

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]


class House:
    """A copy of a finished warehouse, with a store and a stream beside it, and some of its users."""

    def __init__(self, finished: Finished, folder: Path) -> None:
        self.finished, self.path = finished, Path(str(finished.config.warehouse))
        self.lines: list[str] = []
        context = self.context()
        SeedStream(context).start(None).awaitTermination()
        self.store = LmdbStore(str(self.path / "_serving"))
        Export(context, self.store).run()
        largest = context.warehouse.read("audiences").groupBy("item_id").count().orderBy(F.desc("count")).first()
        assert largest is not None
        self.item = largest["item_id"]
        self.users = self._users(context)
        self.list = folder / "gone.csv"
        self.list.write_text("user_id\n" + "\n".join([*self.users, "never seen"]) + "\n")

    def context(self, *settings: str) -> Context:
        return self.finished.context(*settings, say=self.lines.append)

    def forget(self, *settings: str, **asked: object) -> None:
        Erasures(self.context(*settings), Asked(users=str(self.list), **asked)).run()  # type: ignore[arg-type]

    def _users(self, context: Context) -> list[str]:
        """Users of whom much is known: named in the report, seeds by themselves in a cluster, sampled, trained on."""
        report = json.loads((self.path / "report.json").read_text())
        named = [user for one in report["audiences"] for user, _ in one["top_users"]]
        embedded = context.warehouse.read("user_embeddings").select("user_id", F.xxhash64("embedding").alias("key"))
        lone = embedded.where(F.col("key").isin(self.lone_keys())).orderBy("user_id").select("user_id").distinct()
        return sorted({*named[:2], *(row[0] for row in lone.limit(3).collect())})

    def lone_keys(self) -> list[int]:
        """Keys of the clusters of one seed."""
        rows = self.finished.table("seed_clusters").select("centroids", "sizes").collect()
        found = []
        for row in rows:
            centroids = np.array(row["centroids"], np.float32).reshape(len(row["sizes"]), -1)
            found += vector_keys(centroids[np.array(row["sizes"]) == 1]).tolist()
        return found

    def rows_of_users(self, name: str, frame: DataFrame | None = None) -> int:
        """Rows of a table in which one of the users stands, wherever it is."""
        frame = self.finished.table(name) if frame is None else frame
        text = F.to_json(F.struct(*frame.columns))
        return frame.where(F.exists(F.array(*(F.lit(f'"{user}"') for user in self.users)), text.contains)).count()

    def vectors(self) -> set[int]:
        """Keys of the users' own embeddings, before they are gone."""
        rows = self.finished.table("user_embeddings").withColumn("key", F.xxhash64("embedding"))
        shared = rows.groupBy("as_of", "model_version", "key").agg(F.count("*").alias("n")).where("n > 1").select("key")
        own = rows.where(F.col("user_id").isin(self.users)).join(shared, "key", "left_anti")
        return {row["key"] for row in own.select("key").collect()}

    def keys_in_tables(self) -> set[int]:
        samples = self.finished.table("lookalike_samples").select(F.xxhash64("embedding")).distinct().collect()
        return {row[0] for row in samples} | set(self.lone_keys())

    def keys_in_files(self) -> set[int]:
        found: set[int] = set()
        for path in (self.path / "_models" / "lookalike").glob("*/judged*.npz"):
            situation = Situation.load(path)
            for vectors in (situation.judged.users, situation.judged.clickers):
                found |= set(vector_keys(vectors).tolist())
            found |= set(vector_keys(situation.centroids[situation.sizes == 1]).tolist())
        for path in (self.path / "_models" / "lookalike").glob("*/centroids.npy"):
            lone = np.load(path)[np.load(path.with_name("sizes.npy")) == 1]
            found |= set(vector_keys(lone).tolist())
        return found

    def sample_keys(self) -> int:
        keys = self.finished.spark.createDataFrame([(user,) for user in self.users], "user_id string")
        samples = self.finished.table("user_samples")
        return samples.join(keys.select(F.xxhash64("user_id").alias("user_key")), "user_key", "left_semi").count()

    def versions(self) -> dict[str, int]:
        warehouse = self.context().warehouse
        return {name: warehouse.version(name) for name in TABLES if warehouse.exists(name)}


@pytest.fixture
def house(tiny_run: Finished, tmp_path: Path) -> House:
    return House(tiny_run.copy(tmp_path / "wh"), tmp_path)


def test_users_leave_everything_and_nothing_else_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: house.finished.table(name).count() for name in house.versions()}
    held = {name for name in before if house.rows_of_users(name)}
    assert {"users", "events", "impressions", "audiences", "item_seeds", "live_seeds", "user_embeddings"} <= held
    vectors, others = house.vectors(), house.keys_in_files()
    assert vectors & house.keys_in_tables()
    assert vectors & house.keys_in_files()
    assert house.sample_keys()
    released = current_release(house.context().warehouse)
    theirs = {name: house.rows_of_users(name) for name in before}
    reader, user = Scorer(house.store), house.users[0]
    kept_user = house.finished.table("users").where(~F.col("user_id").isin(house.users)).first()["user_id"]  # type: ignore[index]
    scores = reader.score(kept_user, [house.item]).scores
    assert np.isfinite(reader.score(user, [house.item]).scores).all()

    # Killed twice on the way, it is finished by the third run.
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    erase = Leaving.erase
    monkeypatch.setattr(Leaving, "erase", lambda self, name: die() if name == "user_embeddings" else erase(self, name))
    with pytest.raises(KeyboardInterrupt):
        house.forget()
    monkeypatch.undo()
    assert house.rows_of_users("user_embeddings")
    monkeypatch.setattr(erasures, "pin_without", die)
    with pytest.raises(KeyboardInterrupt):
        house.forget()
    monkeypatch.undo()
    house.forget()

    assert {name: house.rows_of_users(name) for name in house.versions() if name != "erasures"} == {
        name: 0 for name in house.versions() if name != "erasures"
    }
    assert not vectors & house.keys_in_tables()
    assert not vectors & house.keys_in_files()
    assert len(house.keys_in_files()) >= len(others) - len(vectors)
    assert not house.sample_keys()
    for name in set(before) - set(TRACES) - {"releases"}:
        lists = name in ("item_seeds", "live_seeds")
        assert house.finished.table(name).count() == before[name] - (0 if lists else theirs[name]), name
    for page in ("report.html", "report.json"):
        text = (house.path / page).read_text()
        assert not [user for user in house.users if f'"{user}"' in text or f">{user}<" in text]

    # Readers of the release find it, without the users; nothing but they is missing.
    release = current_release(house.context().warehouse)
    assert (release.release_id, release.as_of, release.models) == (released.release_id, released.as_of, released.models)
    assert release.tables["audiences"] > released.tables["audiences"]
    table = house.finished.spark.read.format("delta")
    now = table.option("versionAsOf", release.tables["audiences"]).load(f"{house.path}/audiences")
    then = table.option("versionAsOf", released.tables["audiences"]).load(f"{house.path}/audiences")
    assert now.exceptAll(then).isEmpty()
    assert then.exceptAll(now).select("user_id").distinct().count() == len(
        then.where(F.col("user_id").isin(house.users)).select("user_id").distinct().collect()
    )
    opened = ralm.open(str(house.path), house.finished.spark)
    assert not {row["user_id"] for row in opened.audience(house.item).collect()} & set(house.users)

    # The store is that of the same release, and nothing of before is left in it.
    reader.checked = 0.0
    assert np.isnan(reader.score(user, [house.item]).scores).all()
    # A cluster of one seed went with its user, so scores may move a little.
    assert reader.score(kept_user, [house.item]).scores == pytest.approx(scores, abs=0.05)
    manifest = house.store.manifest()
    assert manifest is not None
    assert (manifest.release, manifest.before) == (release.release_id, ())
    assert house.store.layers() == manifest.names

    # What is done stays done, and a further run changes nothing.
    plan = plan_steps(house.context(), nightly_steps(house.context()))
    assert [what for what in plan if not what[1].startswith("skip")] == []
    versions = house.versions()
    house.forget()
    moved = {name for name, version in house.versions().items() if version != versions[name]}
    assert moved <= set(holders())  # each VACUUM is a commit of its own
    assert house.finished.table("erasures").count() == len(
        {(row["place"], row["version"]) for row in house.finished.table("erasures").collect()}
    )


@pytest.mark.soak
def test_history_holds_them_until_the_day_that_is_named(house: House) -> None:
    before = current_release(house.context().warehouse)
    old = house.finished.spark.read.format("delta").option("versionAsOf", before.tables["audiences"])
    house.forget()
    audiences = house.finished.table("erasures").where("place = 'audiences'").first()
    assert audiences is not None
    assert (audiences["held_until"] - audiences["erased_at"]).days == 7
    assert audiences["rows"] > 0
    assert audiences["files"] > 0
    assert f"audiences: {audiences['rows']:,} rows in {audiences['files']:,} files; versions before" in str(house.lines)
    assert house.rows_of_users("audiences", old.load(f"{house.path}/audiences")) == audiences["rows"]

    Erasures(house.context("privacy.retention_days=0"), Asked()).run()
    files = [path for name in holders() for path in (house.path / name).rglob("*.parquet")]
    files = [path for path in files if "_delta_log" not in path.parts]
    assert any("_change_data" in path.parts for path in house.path.rglob("*.parquet")) is False
    for path in files:  # whoever reads the files by themselves finds nobody
        rows = json.dumps(pq.ParquetFile(path).read().to_pylist(), default=str)
        assert not [user for user in house.users if f'"{user}"' in rows], path
    ralm.open(str(house.path), house.finished.spark).audience(house.item).count()
