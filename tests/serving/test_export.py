"""From the Delta tables of a release to a store, from real executors' Python workers, and what changes of it."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs.steps.forgetting.forgotten import remember
from jobs.steps.forgetting.pins import pin_without
from jobs.steps.forgetting.tables import Leaving
from jobs.steps.releases.serving_export import Export
from ralm.config import load_config
from ralm.errors import DataError, MissingInputError
from ralm.runs.context import Context
from ralm.scoring import scorer as batch
from ralm.serving import Scorer
from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.store import Store
from ralm.warehouse.forgotten import forgotten
from ralm.warehouse.once import replace
from tests.scoring.weights import random_items, random_weights
from tests.serving.test_scorer import SAME

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
DAY = dt.date(2024, 3, 1)
MODEL = "ralm-m1"
USERS, ITEMS = 50, 12


class World:
    """The tables of a release, as the pipeline would write them."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.weights = random_weights()
        self.raw = np.random.default_rng(5).normal(size=(USERS, 12)).astype(np.float32)
        self.centroids, self.sizes = random_items(ITEMS)
        folder = Path(context.models("lookalike", MODEL))
        folder.mkdir(parents=True)
        np.savez(folder / "weights.npz", **self.weights)
        (folder / "model.pt").touch()
        (folder / "_SUCCESS").write_text(json.dumps({}))
        self.releases = 0

    def publish(self) -> str:
        """Write all tables and a release of them; its id."""
        self.releases += 1
        unit, bias = batch.Scorer(self.weights, self.centroids, self.sizes).targets(self.raw)
        users = [
            (DAY, MODEL, f"u{i}", float(bias[i]), unit[i].tolist()) for i in range(len(self.raw)) if any(self.raw[i])
        ]
        clusters = [
            (DAY, "production", MODEL, 1, f"i{i}", 0, c.ravel().tolist(), s.tolist(), 0.0, "dot", None)
            for i, (c, s) in enumerate(zip(self.centroids, self.sizes, strict=True))
        ]
        # The last item has no threshold.
        thresholds = [(DAY, "ralm", f"i{i}", 0.1, 50, 0.05, [0.0], *[None] * 4) for i in range(len(self.centroids) - 1)]
        rows = {"target_embeddings": users, "seed_clusters": clusters, "thresholds": thresholds}
        tables = {name: self.replace(name, content) for name, content in rows.items()}
        release = f"r{self.releases}"
        models = {"lookalike": MODEL}
        self.replace("releases", [(release, dt.datetime(2024, 3, 2), DAY, tables, models, {}, True, None, None)])
        return release

    def replace(self, name: str, rows: list[tuple]) -> int:
        warehouse = self.context.warehouse
        warehouse.create(name)
        schema = warehouse.read(name).schema
        frame = self.context.spark.createDataFrame(rows, schema)
        return replace(warehouse, name, frame, {}, app_id="test", attempt=self.releases, run_id="test").version

    def scores(self) -> np.ndarray:
        """(users, items), as the batch would publish them."""
        scorer = batch.Scorer(self.weights, self.centroids, self.sizes)
        return batch.published(scorer.score(*scorer.targets(self.raw)))


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path) -> World:
    said: list[str] = []
    config = load_config(TINY, [f"warehouse={tmp_path / 'wh'}", "serving.shard_records=20", "serving.max_layers=2"])
    context = Context(spark, config, say=said.append)
    context.said = said  # type: ignore[attr-defined]
    return World(context)


@pytest.mark.long
def test_what_serving_answers_is_what_the_batch_publishes(world: World, store: Store) -> None:
    with pytest.raises(MissingInputError, match="run job 'publish'"):
        Export(world.context, store).run()
    release = world.publish()
    manifest = Export(world.context, store).run()
    assert [layer.shards for layer in manifest.layers["users"]] == [3]
    scorer, expected = Scorer(store), world.scores()
    items = [f"i{i}" for i in range(ITEMS)]
    for user in range(USERS):
        answer = scorer.score(f"u{user}", items)
        assert answer.release == release
        np.testing.assert_allclose(answer.scores, expected[user], atol=SAME)
        np.testing.assert_array_equal(answer.exposed, [*(answer.scores[:-1] >= 0.1), False])
    Export(world.context, store).run()
    assert world.context.said[-1].endswith("already")  # type: ignore[attr-defined]


@pytest.mark.long
def test_only_what_changed_is_written(world: World, store: Store) -> None:
    world.publish()
    Export(world.context, store).run()
    scorer = Scorer(store, max_age=0.0)
    world.raw[3] += 1
    world.raw[4] = 0  # no longer a user
    world.centroids[2] *= -1
    world.publish()
    manifest = Export(world.context, store).run()
    said = " ".join(world.context.said)  # type: ignore[attr-defined]
    assert "users: 2 records (changed)" in said
    assert "items: 1 records (changed)" in said
    assert "model: as in the store" in said
    assert len(manifest.layers["users"]) == 2
    expected, items = world.scores(), [f"i{i}" for i in range(ITEMS)]
    for user in (0, 3, 49):
        np.testing.assert_allclose(scorer.score(f"u{user}", items).scores, expected[user], atol=SAME)
    assert np.isnan(scorer.score("u4", items).scores).all()
    # A third layer is one too many: everything again.
    world.raw[5] += 1
    world.publish()
    manifest = Export(world.context, store).run()
    assert len(manifest.layers["users"]) == 1
    assert store.layers() == manifest.names | set(manifest.before)
    np.testing.assert_allclose(scorer.score("u5", items).scores, world.scores()[5], atol=SAME)


@pytest.mark.long
def test_who_was_forgotten_leaves_no_bytes_in_the_store(world: World, store: Store) -> None:
    world.publish()
    Export(world.context, store).run()
    world.raw[4] += 1
    release = world.publish()
    assert len(Export(world.context, store).run().layers["users"]) == 2
    scorer, items = Scorer(store, max_age=0.0), [f"i{i}" for i in range(ITEMS)]
    before = scorer.score("u5", items).scores
    assert np.isfinite(scorer.score("u4", items).scores).all()
    context = world.context
    remember(context, context.spark.createDataFrame([("u4",)], "id string"))
    gone = forgotten(context.warehouse)
    assert gone is not None
    assert Leaving(context.warehouse, gone).erase("target_embeddings") is not None
    assert pin_without(context) == 1
    # Killed here, the next export of any kind finishes it: a layer of changes would leave the record below.
    export = Export(context, store)
    assert export.forgotten_since
    manifest = export.run()
    assert (manifest.release, manifest.before, len(manifest.layers["users"])) == (release, (), 1)
    assert store.layers() == manifest.names
    assert np.isnan(scorer.score("u4", items).scores).all()
    np.testing.assert_array_equal(scorer.score("u5", items).scores, before)
    again = Export(context, store)
    assert not again.forgotten_since
    again.run()
    assert context.said[-1].endswith("already")  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_damaged_manifest_is_replaced_by_a_full_export(world: World, tmp_path: Path) -> None:
    store = LmdbStore(str(tmp_path / "store"))
    world.publish()
    Export(world.context, store).run()
    (tmp_path / "store" / "manifest.json").write_bytes(b"\xff{")
    with pytest.raises(DataError, match="run job 'export_serving' with --full"):
        Export(world.context, store)
    manifest = Export(world.context, store, full=True).run()
    assert any("it is replaced" in line for line in world.context.said)  # type: ignore[attr-defined]
    assert store.layers() == manifest.names
    np.testing.assert_allclose(Scorer(store).score("u7", ["i1"]).scores, world.scores()[7, [1]], atol=SAME)
