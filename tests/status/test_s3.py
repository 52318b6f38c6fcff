"""`status` of a warehouse on a real S3 server, with the settings that Spark takes."""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from ralm.errors import RalmError
from ralm.status.gathered import gather
from ralm.warehouse.without_spark import TableFiles
from tests.s3_server import s3_server
from tests.status.worlds import NIGHT, record, write_runs

PREFIX = "spark.hadoop.fs.s3a"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with s3_server(tmp_path) as found:
        yield found


def test_a_warehouse_on_s3(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )
    client.create_bucket(Bucket="status")
    write_runs(tmp_path / "wh", record("ingest", counts={"users": 1_000}))
    for path in (tmp_path / "wh").rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "status", str(path.relative_to(tmp_path)))
    settings = {
        f"{PREFIX}.access.key": "key",
        f"{PREFIX}.secret.key": "secret",
        f"{PREFIX}.endpoint": address,
        f"{PREFIX}.endpoint.region": "us-east-1",
    }
    status = gather(TableFiles("s3a://status/wh", settings), NIGHT + dt.timedelta(hours=1))
    assert [step.step for step in status.runs[0].steps] == ["ingest"]
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    with pytest.raises(RalmError, match=r"table 'runs': cannot be read at s3a://none/wh/runs") as error:
        gather(TableFiles("s3a://none/wh", settings), NIGHT)
    assert len(str(error.value)) < 500
