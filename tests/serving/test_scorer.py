"""What serving answers is what the batch publishes, and always of one release."""

import threading

import numpy as np
import pytest

from ralm.errors import MissingInputError
from ralm.scoring import scorer as batch
from ralm.serving import Scorer, open_store
from ralm.serving.export import item_records, model_record
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.records import ItemRecord, ModelRecord, UserRecord, encode_users
from ralm.serving.store import Store, shard_of
from tests.scoring.weights import random_items, random_weights

USERS = 40
SAME = 1.01e-6  # one step of the rounding, as it is in float64


def write(store: Store, kind: str, layer: Layer, records: dict[str, bytes]) -> None:
    for shard in range(layer.shards):
        own = {key: record for key, record in records.items() if shard_of(key, layer.shards) == shard}
        store.write(kind, layer, shard, own.items())


def export(store: Store, release: str, weights, centroids, sizes, raw) -> np.ndarray:
    """A release of some users and items; their published scores (users, items) by the batch scorer."""
    scorer = batch.Scorer(weights, centroids, sizes)
    unit, bias = scorer.targets(raw)
    layer = Layer(release, 3)
    scores = batch.published(scorer.score(unit, bias))
    records = item_records(weights, centroids, sizes, np.quantile(scores, 0.7, axis=0))
    write(store, "users", layer, {f"u{i}": row.tobytes() for i, row in enumerate(encode_users(bias, unit))})
    write(store, "items", layer, {f"i{i}": record.encode() for i, record in enumerate(records)})
    write(store, "model", layer, {"model": model_record(weights).encode()})
    store.publish(Manifest(release, dict.fromkeys(("users", "items", "model"), (layer,))))
    return scores


def raw_users(seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(USERS, 12)).astype(np.float32)


# Logits beyond 20 hold fewer digits in float32; trained models stay far below.
@pytest.mark.parametrize(
    ("settings", "atol"),
    [
        ({}, SAME),
        ({"sharpness": 40}, 2.5e-6),
        ({"pooling": "average"}, SAME),
        ({"closed": True}, 2.5e-6),  # scores of whole units
    ],
)
def test_equal_to_the_batch(store: Store, settings: dict[str, object], atol: float) -> None:
    weights, (centroids, sizes) = random_weights(**settings), random_items(50)
    expected = export(store, "r1", weights, centroids, sizes, raw_users())
    scorer = Scorer(store)
    items = [f"i{i}" for i in range(50)]
    cutoffs = np.quantile(expected, 0.7, axis=0)
    exposed = []
    for user in range(USERS):
        answer = scorer.score(f"u{user}", items)
        np.testing.assert_allclose(answer.scores, expected[user], atol=atol)
        assert answer.release == "r1"
        np.testing.assert_array_equal(answer.exposed, answer.scores >= cutoffs)
        exposed.append(answer.exposed)
    assert 0 < np.mean(exposed) < 1


def test_unknown_users_and_items_have_no_score(store: Store) -> None:
    expected = export(store, "r1", random_weights(), *random_items(), raw_users())
    scorer = Scorer(store)
    answer = scorer.score("u3", ["i1", "nobody", "i1", "i0", ""])
    np.testing.assert_allclose(answer.scores, expected[3, [1, 0, 1, 0, 0]] * [1, np.nan, 1, 1, np.nan], atol=SAME)
    assert not answer.exposed[[1, 4]].any()
    stranger = scorer.score("stranger", ["i1", "i2"])
    assert np.isnan(stranger.scores).all()
    assert not stranger.exposed.any()
    assert len(scorer.score("u3", []).scores) == 0


def test_more_items_than_are_cached(store: Store) -> None:
    weights, (centroids, sizes) = random_weights(), random_items(30)
    expected = export(store, "r1", weights, centroids, sizes, raw_users())
    scorer = Scorer(store, cached_items=7)
    for items in ([1, 2, 3], [3, 4, 5, 6, 7, 8], list(range(30)), [2, 9]):
        answer = scorer.score("u1", [f"i{item}" for item in items])
        np.testing.assert_allclose(answer.scores, expected[1, items], atol=SAME)


def test_a_layer_lies_over_the_ones_before(store: Store) -> None:
    weights, (centroids, sizes) = random_weights(), random_items()
    expected = export(store, "r1", weights, centroids, sizes, raw_users())
    scorer = Scorer(store, max_age=0.0)
    before = scorer.score("u1", ["i0", "i1", "i2"]).scores
    base, over = Layer("r1", 3), Layer("r2", 2)
    changed = batch.Scorer(weights, centroids, sizes).targets(raw_users(6))
    new = encode_users(changed[1], changed[0])
    write(store, "users", over, {"u1": new[1].tobytes(), "u2": b""})
    write(store, "items", over, {"i1": b""})
    model = (base,)
    store.publish(Manifest("r2", {"users": (over, base), "items": (over, base), "model": model}))
    answer = scorer.score("u1", ["i0", "i1", "i2"])
    assert answer.release == "r2"
    assert np.isnan(answer.scores[1])
    assert (answer.scores[[0, 2]] != before[[0, 2]]).all()
    assert np.isnan(scorer.score("u2", ["i0"]).scores).all()
    np.testing.assert_allclose(scorer.score("u3", ["i0"]).scores, expected[3, :1], atol=SAME)


def test_an_answer_is_of_one_release(store: Store) -> None:
    """Exports go on while a reader asks; layers of the release before the last one are dropped."""
    worlds = {f"r{n}": (random_weights(seed=n), *random_items(20, seed=n), raw_users(n)) for n in range(2)}
    expected = {name: export(store, name, *world) for name, world in worlds.items()}
    items, done, wrong = [f"i{i}" for i in range(20)], threading.Event(), []
    seen = set()

    def ask() -> None:
        scorer = Scorer(open_store(store.url), max_age=0.0)
        while not done.is_set():
            answer = scorer.score("u7", items)
            world = f"r{int(answer.release.removeprefix('export')) % 2}"
            seen.add(answer.release)
            if not np.allclose(answer.scores, expected[world][7], atol=SAME):
                wrong.append(answer)

    export(store, "export0", *worlds["r0"])
    reader = threading.Thread(target=ask)
    reader.start()
    for number in range(1, 13):
        export(store, f"export{number}", *worlds[f"r{number % 2}"])
        if number > 1:
            store.drop(f"export{number - 2}")
    done.set()
    reader.join()
    assert not wrong
    assert len(seen) > 2
    assert store.layers() == {"r0", "r1", "export11", "export12"}


def test_nothing_exported(store: Store) -> None:
    with pytest.raises(MissingInputError, match="run job 'export_serving'"):
        Scorer(store)


def test_no_server() -> None:
    with pytest.raises(MissingInputError, match="no Redis server answers"):
        Scorer("redis://127.0.0.1:1/0")


def test_records() -> None:
    (user,) = (UserRecord.decode(row.tobytes()) for row in encode_users(np.array([0.5]), np.ones((1, 3))))
    assert (user.bias, user.embedding.tolist()) == (0.5, [1, 1, 1])
    item = ItemRecord(
        0.25,
        np.arange(3, dtype=np.float32),
        np.ones(2, np.float32),
        np.ones((2, 3), np.float32),
        np.arange(4.0, dtype=np.float32),
    )
    again = ItemRecord.decode(item.encode())
    assert again.cutoff == 0.25
    for name in ("global_embedding", "shares", "centroids", "direction"):
        np.testing.assert_array_equal(getattr(again, name), getattr(item, name))
    model = ModelRecord.decode(ModelRecord(0.25, 0.75, np.eye(3, dtype=np.float32)).encode())
    assert (model.alpha, model.beta) == (0.25, 0.75)
    np.testing.assert_array_equal(model.attention, np.eye(3))
