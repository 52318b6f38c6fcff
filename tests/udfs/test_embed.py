import numpy as np
import pytest
import torch
from pyspark.errors import PythonException
from pyspark.sql import functions as F

from ralm.baselines.als_model import AlsModel, write_als
from ralm.baselines.als_training import history_space
from ralm.baselines.interests import InterestModel, write_interests
from ralm.config import Als, Training
from ralm.config import UserModel as UserModelConfig
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.models.user_model import UserModel
from ralm.training.checkpoints import publish, save_checkpoint
from ralm.training.specs import UserTrainingSpec
from udfs.embed import embed_users, field_attention

pytestmark = pytest.mark.spark
FIELDS = UserFields(
    histories=[HistorySpec(domain="news", length=3, size=20), HistorySpec(domain="shop", length=2, size=15)],
    categories=[CategorySpec(name="city", size=6)],
    numerics=["age", "activity"],
)


def save(folder, merge, seed):
    """A finished model folder of a model with random weights, and that model."""
    torch.manual_seed(seed)
    config = UserModelConfig(representations=["news"], field_dim=4, attention_dim=3, hidden=[5], user_dim=4)
    spec = UserTrainingSpec(
        train_files=[],
        training=Training(),
        output=str(folder),
        fields=FIELDS,
        item_count=20,
        representation="news",
        merge=merge,
        model=config,
        positives_per_row=1,
        negatives=1,
    )
    model = UserModel(FIELDS, config, merge, 20).eval()
    checkpoint = save_checkpoint(str(folder), spec.digest, 1, model.state_dict(), [], {})
    publish(str(folder), checkpoint, spec.model_dump(mode="json"))
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        f"{root}/attention": save(root / "attention", "attention", 1),
        f"{root}/concat": save(root / "concat", "concat", 2),
    }


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    arrays = {
        "history_news": rng.integers(0, 20, (40, 3)),
        "history_shop": rng.integers(0, 15, (40, 2)),
        "category_city": rng.integers(0, 6, 40),
        "numeric": rng.normal(size=(40, 2)).astype(np.float32),
    }
    arrays["history_news"][:5] = 0  # users without a field
    return arrays


@pytest.fixture(scope="module")
def frame(spark, arrays):
    rows = [(f"u{i}", *(arrays[name][i].tolist() for name in FIELDS.columns)) for i in range(40)]
    return spark.createDataFrame(
        rows,
        "user_id string, history_news array<int>, history_shop array<int>, category_city int, numeric array<float>",
    )


@pytest.mark.long
def test_representations_are_stacked_in_order(frame, arrays, models):
    found = {
        r.user_id: r.embedding
        for r in frame.repartition(3).mapInArrow(*embed_users(list(models), FIELDS, "string")).collect()
    }
    with torch.no_grad():
        batch = {name: torch.from_numpy(values) for name, values in arrays.items()}
        expected = torch.cat([model.encode(batch) for model in models.values()], dim=1).numpy()
    assert expected.shape == (40, 8)
    np.testing.assert_allclose([found[f"u{i}"] for i in range(40)], expected, atol=1e-6)


@pytest.mark.long
def test_factors_and_activity_are_stacked_last(frame, arrays, models, tmp_path):
    space = history_space(FIELDS)
    factors = np.random.default_rng(1).normal(size=(space.size, 6)).astype(np.float32)
    model = AlsModel(settings=Als(factors=6, alpha=3.0, regularisation=0.5), vocabulary_version="v", space=space)
    write_als(str(tmp_path), model, factors)
    model_folders = list(models)[:1]
    udf = embed_users(model_folders, FIELDS, "string", als_folder=str(tmp_path), activity=True)
    found = np.array([r.embedding for r in frame.mapInArrow(*udf).orderBy(F.expr("int(substr(user_id, 2))")).collect()])
    alone = embed_users(model_folders, FIELDS, "string")
    first = [r.embedding for r in frame.mapInArrow(*alone).orderBy(F.expr("int(substr(user_id, 2))")).collect()]
    np.testing.assert_allclose(found[:, :4], first, atol=1e-6)
    sizes = [19, 14]  # features of the two histories, without padding
    for user in range(40):
        news, shop = (set(arrays[name][user].tolist()) - {0} for name in ("history_news", "history_shop"))
        rows = factors[[i - 1 for i in news] + [i - 1 + sizes[0] for i in shop]].astype(np.float64)
        expected = np.zeros(6)
        if len(rows):
            left = factors.T.astype(np.float64) @ factors + 3.0 * rows.T @ rows + 0.5 * len(rows) * np.eye(6)
            expected = np.linalg.solve(left, 4.0 * rows.sum(axis=0))
        np.testing.assert_allclose(found[user, 4:10], expected, atol=1e-4)
        entries = [(arrays[name][user] != 0).sum() for name in ("history_news", "history_shop")]
        np.testing.assert_allclose(found[user, 10:], np.log1p(entries) / 10, atol=1e-6)
    assert found.shape[1] == 12


@pytest.mark.long
def test_interests_come_after_the_representations(frame, arrays, models, tmp_path):
    space = history_space(FIELDS)
    things = np.random.default_rng(1).normal(size=(space.size, 6)).astype(np.float32)
    write_interests(str(tmp_path), InterestModel(vocabulary_version="v", space=space), things)
    udf = embed_users(list(models)[:1], FIELDS, "string", interests=str(tmp_path), activity=True)
    found = np.array([r.embedding for r in frame.mapInArrow(*udf).orderBy(F.expr("int(substr(user_id, 2))")).collect()])
    assert found.shape[1] == 4 + 6 + 2
    sizes = [19, 14]  # features of the two histories, without padding
    for user in range(40):
        news, shop = (set(arrays[name][user].tolist()) - {0} for name in ("history_news", "history_shop"))
        rows = things[[i - 1 for i in news] + [i - 1 + sizes[0] for i in shop]]
        expected = rows.sum(axis=0) / np.sqrt(max(len(rows), 1))
        np.testing.assert_allclose(found[user, 4:10], expected, atol=1e-5)


def test_attention_weights(frame, models):
    attention, concat = models
    for row in frame.mapInArrow(*field_attention(attention, FIELDS, "string")).collect():
        assert len(row.weights) == len(FIELDS.names)
        assert sum(row.weights) == pytest.approx(1, abs=1e-5)
        assert (row.weights[0] == 0) == (row.user_id in {"u0", "u1", "u2", "u3", "u4"})
    with pytest.raises(PythonException, match="concatenation"):
        frame.mapInArrow(*field_attention(concat, FIELDS, "string")).collect()


@pytest.mark.long
def test_other_fields_and_wrong_lengths(frame, models):
    other = FIELDS.model_copy(update={"numerics": ["age", "income"]})
    with pytest.raises(PythonException, match="trained on other fields"):
        frame.mapInArrow(*embed_users(list(models), other, "string")).collect()
    short = frame.selectExpr("user_id", "array(1) AS history_news", "history_shop", "category_city", "numeric")
    with pytest.raises(PythonException, match="'history_news': arrays of length 3 expected"):
        short.mapInArrow(*embed_users(list(models), FIELDS, "string")).collect()


@pytest.mark.long
def test_no_users(frame, models):
    assert frame.where("user_id = ''").mapInArrow(*embed_users(list(models), FIELDS, "string")).collect() == []
