"""Sessions that reach S3: the jars of Hadoop's `s3a`, and one set of keys for Spark and its Python workers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pyspark

from ralm.config.storage import Storage
from ralm.errors import RalmError

# The SDK that hadoop-aws 3.5.0 was built with. Its `bundle` has every service of AWS in 686 MB: of these, the parts
# that s3a uses come to 13 MB.
SDK = "2.35.4"
PARTS = ("s3-transfer-manager", "sts")
# What Spark brings itself, or no path of ours uses.
EXCLUDED = (
    "software.amazon.awssdk:bundle",
    "io.netty:*",
    "commons-codec:*",
    "org.apache.httpcomponents:*",
    "org.wildfly.openssl:*",
)
# Hadoop's name for each variable, after `fs.s3a.`.
NAMES = {
    "AWS_ENDPOINT_URL": "endpoint",
    "AWS_REGION": "endpoint.region",
    "AWS_ACCESS_KEY_ID": "access.key",
    "AWS_SECRET_ACCESS_KEY": "secret.key",
    "AWS_SESSION_TOKEN": "session.token",
}


def s3_coordinates() -> str:
    """Maven coordinates of the jars that read and write `s3a://`, for the Hadoop of the installed Spark.

    Raises:
        RalmError: this Spark comes without Hadoop.
    """
    found = [
        match[1]
        for path in (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
        if (match := re.fullmatch(r"hadoop-client-api-(.+)\.jar", path.name))
    ]
    if not found:
        raise RalmError("this Spark has no Hadoop client of its own: put hadoop-aws into its jars for s3a:// paths")
    parts = [f"software.amazon.awssdk:{part}:{SDK}" for part in PARTS]
    return ",".join([f"org.apache.hadoop:hadoop-aws:{found[0]}", *parts])


def s3_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for the variables of `Storage.variables`: of `s3a`, and of the executors' Python workers."""
    found = {f"spark.hadoop.fs.s3a.{NAMES[name]}": value for name, value in variables.items()}
    if "AWS_ENDPOINT_URL" in variables:
        # Other servers than AWS seldom have a host name per bucket.
        found["spark.hadoop.fs.s3a.path.style.access"] = "true"
    return found | {f"spark.executorEnv.{name}": value for name, value in variables.items()}


def use_s3(storage: Storage) -> dict[str, str]:
    """Let this process and its children reach S3, and return the settings of a session that does."""
    variables = storage.variables()
    for name in NAMES:  # a token of the environment does not go with a key of the settings
        os.environ.pop(name, None)
    os.environ.update(variables)
    return s3_settings(variables)
