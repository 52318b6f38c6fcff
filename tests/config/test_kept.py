"""What a release keeps of its settings: everything but secrets."""

import datetime as dt
import json

import pytest

from ralm.config import Config, load_config
from ralm.config.kept import HIDDEN, kept_configuration, without_secrets
from tests.finished import TINY

DATES = {name: dt.date(2024, 1, day) for name, day in (("a0", 3), ("a1", 5), ("a2", 7), ("a3", 9))}


def test_it_is_the_whole_configuration_with_the_system_that_was_chosen() -> None:
    config = load_config(TINY, ["scoring.system=auto", "lookalike.clusters=7"])
    kept = json.loads(kept_configuration(config, "similarity", DATES))
    assert kept["scoring"].pop("system") == "similarity"
    assert kept.pop("dates") == {"a0": "2024-01-03", "a1": "2024-01-05", "a2": "2024-01-07", "a3": "2024-01-09"}
    expected = config.model_dump(mode="json")
    del expected["scoring"]["system"], expected["dates"]
    assert kept == expected
    again = Config.model_validate(json.loads(kept_configuration(config, "similarity", DATES)))
    assert again.lookalike.clusters == 7
    assert again.dates.a2 == DATES["a2"]
    assert again.digest("lookalike", "fields") == config.digest("lookalike", "fields")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("redis://:hunter2@cache:6379/3", "redis://***@cache:6379/3"),
        ("redis://cache:6379/3", "redis://cache:6379/3"),
        ("s3a://AKIA:hunter2@bucket/logs/*.csv", "s3a://***@bucket/logs/*.csv"),
        ("s3a://bucket/logs/day?.csv", "s3a://bucket/logs/day?.csv"),
        ("abfss://lake@account.dfs.core.windows.net/x", "abfss://lake@account.dfs.core.windows.net/x"),
        ("https://h/f.csv?sv=1&sig=hunter2", "https://h/f.csv?sv=1&sig=***"),
        ("-Djavax.net.ssl.keyStorePassword=hunter2 -Xmx1g", "-Djavax.net.ssl.keyStorePassword=*** -Xmx1g"),
        ("warehouse/a@b:c", "warehouse/a@b:c"),
    ],
)
def test_texts_lose_passwords_and_nothing_else(given: str, kept: str) -> None:
    assert without_secrets({"path": [given]}) == {"path": [kept]}


@pytest.mark.parametrize(
    "key",
    [
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.access.key",
        "spark.hadoop.fs.azure.account.key.account.dfs.core.windows.net",
        "spark.databricks.token",
        "spark.ssl.keyStorePassword",
        "spark.hadoop.google.cloud.auth.service.account.private.key.secret",
    ],
)
def test_spark_settings_that_are_secrets_are_not_kept(key: str) -> None:
    config = load_config(TINY).model_copy(deep=True)
    config.spark.conf[key] = "hunter2"
    kept = kept_configuration(config, "ralm", DATES)
    assert "hunter2" not in kept
    assert json.loads(kept)["spark"]["conf"][key] == HIDDEN
    assert json.loads(kept)["spark"]["shuffle_partitions"] == 2


def test_the_name_of_a_variable_is_kept_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "hunter2")
    settings = [f"storage.{key}=${{KEY}}" for key in ("access_key", "secret_key", "session_token")]
    config = load_config(TINY, settings)
    kept = kept_configuration(config, "ralm", DATES)
    assert "hunter2" not in kept
    assert Config.model_validate(json.loads(kept)).storage == config.storage
