"""Steps as runs of OpenLineage, received by a real HTTP server."""

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.errors import ConfigError, DataError
from ralm.runs.context import Context
from ralm.runs.lineage_events import dataset_name
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from tests.finished import TINY
from tests.s3_server import free_port


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/ralm/users", ("file", "/data/ralm/users")),
        ("file:/data/users", ("file", "/data/users")),
        ("file:///data/users", ("file", "/data/users")),
        ("s3a://lake/ralm/audiences", ("s3://lake", "ralm/audiences")),
        ("gs://lake/audiences", ("gs://lake", "audiences")),
        ("hdfs://name:8020/ralm/users", ("hdfs://name:8020", "/ralm/users")),
        ("abfss://box@account.dfs.core.windows.net/users", ("abfss://box@account.dfs.core.windows.net", "users")),
    ],
)
def test_tables_have_the_names_that_other_tools_give_them(path: str, expected: tuple[str, str]) -> None:
    assert dataset_name(path) == expected


class Service:
    """A server that keeps the events that are posted to it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    content = gzip.decompress(content)
                assert self.path == "/api/v1/lineage"
                service.events.append(json.loads(content))
                service.keys.append(self.headers.get("Authorization"))
                self.send_response(201)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    pytest.importorskip("openlineage", reason="needs the extra openlineage: pip install 'ralm[openlineage]'")
    found = Service()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def steps() -> list[Step]:
    """One that writes items, and one that reads them."""

    def write(step: RunningStep) -> None:
        frame = step.context.spark.range(3).selectExpr("concat('i', id) item_id", "timestamp'2024-01-01' published_at")
        step.replace("items", frame, "items")

    def read(step: RunningStep) -> None:
        step.counts["items"] = step.read("items").count()
        if step.context.config.seed == 2:
            raise DataError("this is wrong")

    return [
        Step("simulate", write, ("simulate",), measured=False),
        Step("evaluate[x]", read, after=(("simulate", None),), inputs=("items",), measured=False),
    ]


def run(spark: SparkSession, path: Path, *assignments: str) -> list[str]:
    lines: list[str] = []
    config = load_config(TINY, [f"warehouse={path}", *assignments])
    run_steps(Context(spark, config, say=lines.append), steps())
    return lines


@pytest.mark.long
@pytest.mark.spark
def test_each_step_tells_its_tables_and_their_versions(
    spark: SparkSession, tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "abc")
    run(spark, tmp_path / "wh", f"lineage.url={service.url}", "lineage.namespace=lake")
    told = [(event["job"]["name"], event["eventType"]) for event in service.events]
    assert told == [
        ("tiny.simulate", "START"), ("tiny.simulate", "COMPLETE"),
        ("tiny.evaluate[x]", "START"), ("tiny.evaluate[x]", "COMPLETE"),
    ]  # fmt: skip
    assert {event["job"]["namespace"] for event in service.events} == {"lake"}
    started, written, _, read = service.events
    assert (started["inputs"], started["outputs"]) == ([], [])
    (items,) = written["outputs"]
    assert (items["namespace"], items["name"]) == ("file", f"{tmp_path}/wh/items")
    version = Context(spark, load_config(TINY, [f"warehouse={tmp_path / 'wh'}"])).warehouse.version("items")
    assert items["facets"]["version"]["datasetVersion"] == str(version)
    columns = {field["name"]: field["type"] for field in items["facets"]["schema"]["fields"]}
    assert columns["item_id"] == "string"
    assert [(table["name"], table["facets"]["version"]) for table in read["inputs"]] == [
        (items["name"], items["facets"]["version"])
    ]
    assert started["run"]["runId"] == written["run"]["runId"] != read["run"]["runId"]
    parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in service.events}
    assert len(parents) == 1
    assert set(service.keys) == {"Bearer abc"}
    # What is done already is no run.
    run(spark, tmp_path / "wh", f"lineage.url={service.url}")
    assert len(service.events) == 4


@pytest.mark.spark
def test_a_step_that_fails_says_why(spark: SparkSession, tmp_path: Path, service: Service) -> None:
    with pytest.raises(DataError):
        run(spark, tmp_path / "wh", f"lineage.url={service.url}", "seed=2")
    last = service.events[-1]
    assert (last["job"]["name"], last["eventType"]) == ("tiny.evaluate[x]", "FAIL")
    assert last["run"]["facets"]["errorMessage"]["message"] == "this is wrong"


@pytest.mark.spark
def test_a_service_that_is_not_there_stops_no_step(spark: SparkSession, tmp_path: Path, service: Service) -> None:
    lines = run(spark, tmp_path / "wh", f"lineage.url=http://127.0.0.1:{free_port()}")
    assert [line for line in lines if "warning" in line] == [lines[0]]
    assert "lineage: no event is sent any more" in lines[0]
    assert lines[-1].strip().startswith("[ 2/2] evaluate[x]: 3 items")


@pytest.mark.spark
def test_without_the_client_one_line_says_so_before_anything_runs(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openlineage", None)  # as where it is not installed
    with pytest.raises(ConfigError, match=r"pip install 'ralm\[openlineage\]'"):
        run(spark, tmp_path / "wh", "lineage.url=http://127.0.0.1:9")
    assert not (tmp_path / "wh" / "runs").exists()
