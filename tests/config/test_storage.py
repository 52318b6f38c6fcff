"""The section `storage`: one setting for Spark and the programs beside it, and no secret in a file or a message."""

import pytest

from ralm.config import Storage, load_config
from ralm.config.load import Config
from ralm.errors import ConfigError
from ralm.spark.s3 import s3_settings
from tests.finished import TINY

KEYS = {"access_key": "${MY_KEY}", "secret_key": "${MY_SECRET}"}
AWS = {"AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "t", "AWS_REGION": "eu-west-1"}


def test_the_settings_come_before_the_environment() -> None:
    environment = {**AWS, "MY_KEY": "mine", "MY_SECRET": "y"}
    assert Storage().variables(environment) == AWS
    assert Storage(**KEYS, endpoint="http://host:9000").variables(environment) == {
        "AWS_ENDPOINT_URL": "http://host:9000",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "mine",
        "AWS_SECRET_ACCESS_KEY": "y",  # without the token, which belongs to the other key
    }
    assert Storage().variables({"AWS_DEFAULT_REGION": "eu-west-3"}) == {"AWS_REGION": "eu-west-3"}
    assert Storage().variables({}) == {}


def test_spark_and_its_workers_get_the_same() -> None:
    found = s3_settings({"AWS_ENDPOINT_URL": "http://host:9000", "AWS_SECRET_ACCESS_KEY": "y"})
    assert found == {
        "spark.hadoop.fs.s3a.endpoint": "http://host:9000",
        "spark.hadoop.fs.s3a.secret.key": "y",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.executorEnv.AWS_ENDPOINT_URL": "http://host:9000",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY": "y",
    }


def test_a_variable_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"storage.secret_key: the environment has no variable 'MY_SECRET'"):
        Storage(**KEYS).variables({"MY_KEY": "mine"})


@pytest.mark.parametrize("secret", ["hunter2", "${hunter2", "$hunter2", "${A}hunter2"])
def test_a_key_in_the_file_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(
        ConfigError, match=r"storage.secret_key: a key is not written into a file.*\$\{S3_SECRET\}"
    ) as error:
        load_config(TINY, ["storage.access_key=${A}", f"storage.secret_key={secret}"])
    assert "hunter2" not in str(error.value)


def test_half_a_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="give both of `access_key` and `secret_key`"):
        load_config(TINY, ["storage.access_key=${A}"])


@pytest.mark.parametrize(
    ("assignments", "used"),
    [
        ([], False),
        (["warehouse=s3a://b/w"], True),
        (["serving.store=s3a://b/w"], True),
        (["data_root=s3a://b"], True),
        (["storage.region=eu-west-1"], True),
        (["warehouse=hdfs://n:8020/w"], False),
    ],
)
def test_s3_is_used_where_a_path_or_the_section_says_so(assignments: list[str], used: bool) -> None:
    config: Config = load_config(TINY, assignments)
    assert (config.s3 is not None) == used
