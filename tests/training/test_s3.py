"""Both loaders on a real S3 server: moto's, in a process of its own."""

import urllib.request
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ralm.errors import MissingInputError
from ralm.storage.filesystem import open_filesystem
from ralm.training.loaders import loader_class
from tests.s3_server import leading_to, make_bucket, s3_server

# Names as Delta writes them: a space, and a %3A that is in the name.
FILES = [f"s3a://bucket/lake/as_of=2024-01-01 00%3A00/part {number}.parquet" for number in range(3)]
ROWS = 40


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Three files in a bucket, and the environment that leads to them."""
    with s3_server(tmp_path_factory.mktemp("s3")) as address, leading_to(address):
        make_bucket(address, "bucket")
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
