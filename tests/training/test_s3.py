"""Both loaders on a real S3 server: moto's, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ralm.arrow.files import open_filesystem
from ralm.errors import MissingInputError
from ralm.training.loaders import loader_class

# Names as Delta writes them: a space, and a %3A that is in the name.
FILES = [f"s3a://bucket/lake/as_of=2024-01-01 00%3A00/part {number}.parquet" for number in range(3)]
ROWS = 40


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(server: subprocess.Popen[bytes], address: str, said: Path) -> None:
    until = time.monotonic() + 60
    while True:
        assert server.poll() is None, f"no S3 server: {said.read_text()[-1_000:]}"
        try:
            urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
            return
        except urllib.error.URLError:
            assert time.monotonic() < until, f"no S3 server: {said.read_text()[-1_000:]}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, said = free_port(), tmp_path_factory.mktemp("s3") / "log"
    with said.open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(server, f"http://127.0.0.1:{port}", said)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def bucket(address: str) -> Iterator[str]:
    """Three files in a bucket, and the environment that leads to them: the usual variables, nothing else."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ENDPOINT_URL", address)
        environment.setenv("AWS_ACCESS_KEY_ID", "someone")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT"), timeout=30).close()
        filesystem, paths = open_filesystem(FILES)
        for number, path in enumerate(paths):
            row = np.arange(ROWS) + number * ROWS
            table = pa.table({"row": row, "x": [[value, value + 1] for value in row]})
            with filesystem.open_output_stream(path) as sink:
                pq.write_table(table, sink, row_group_size=15)
        yield address


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("kind", ["petastorm", "pyarrow"])
class TestS3:
    def test_every_row_once_an_epoch(self, kind):
        with loader_class(kind)(FILES, {"row": 1, "x": 2}, batch_size=32, rank=0, world=1, seed=1, epochs=2) as loader:
            found = list(loader)
        for batch in found:
            np.testing.assert_array_equal(batch["x"], batch["row"][:, None] + np.arange(2))
        rows = np.concatenate([batch["row"] for batch in found])
        assert np.bincount(rows).tolist() == [2] * 3 * ROWS

    def test_a_file_that_is_gone(self, kind):
        with pytest.raises(MissingInputError, match="vacuumed"):
            loader_class(kind)(
                [*FILES, FILES[0] + ".gone"], {"row": 1}, batch_size=32, rank=0, world=1, seed=1, epochs=1
            )


def test_the_server_holds_the_names_as_they_are(bucket):
    with urllib.request.urlopen(f"{bucket}/bucket?list-type=2", timeout=30) as answer:
        listed = answer.read().decode()
    for file in FILES:
        assert file.removeprefix("s3a://bucket/") in listed
