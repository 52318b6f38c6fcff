"""The configurations of the real sets: valid, and their counts as the sets' own descriptions give them."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, load_config
from ralm.ingest.tables import ingest

CONF = Path(__file__).resolve().parents[2] / "conf"


def load(name: str, data: Path) -> Config:
    return load_config(CONF / f"{name}.yaml", [f"data_root={data}"])


@pytest.mark.parametrize("name", ["kuairand", "globo", "movielens"])
def test_valid(name: str) -> None:
    config = load_config(CONF / f"{name}.yaml")
    assert config.name == name
    domains = {field.domain for field in config.fields.history}
    assert set(config.fields.item_domains) <= domains


@pytest.mark.soak
@pytest.mark.spark
@pytest.mark.data
def test_kuairand(spark: SparkSession, real_data: Path) -> None:
    result = ingest(spark, load("kuairand", real_data))
    assert result.counts == {
        "users.rows": 27_285,
        "items.rows": 7_583,
        "events[0].rows": 1_230_650,
        "events[1].rows": 76_099,
        "events[2].rows": 53_544,
        "events[3].rows": 2_996,
        "impressions.rows": 171_671,
    }
    refused = {(r[0], r[1]): r[2] for r in result.quarantine.groupBy("source", "reason").count().collect()}
    assert refused["impressions", "duplicate"] == 4_739  # 2.8 %
    assert {reason for _, reason in refused} == {"duplicate"}
    shown = result.impressions.agg(F.count("*"), F.countDistinct("item_id"), F.countDistinct("user_id")).first()
    assert shown is not None
    assert tuple(shown) == (171_671 - 4_739, 6_075, 24_076)
    assert result.users.count() == 27_285
    assert result.items.where("size(categories) > 1").count() == 1_791


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.data
def test_movielens(spark: SparkSession, real_data: Path) -> None:
    result = ingest(spark, load("movielens", real_data))
    assert result.counts["impressions.rows"] == 1_000_209
    assert result.events.count() == 1_000_209
    assert result.users.where("gender IS NOT NULL AND age IS NOT NULL").count() == 6_040
    assert result.items.count() == 3_883


@pytest.mark.soak
@pytest.mark.spark
@pytest.mark.data
def test_globo(spark: SparkSession, real_data: Path) -> None:
    result = ingest(spark, load("globo", real_data))
    assert result.counts["impressions.rows"] == 2_409_924
    assert result.users.count() == 292_438
    assert result.items.count() == 36_742
