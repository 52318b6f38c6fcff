"""The whole pipeline where no path is shared: a real standalone cluster, and a warehouse on a real S3 server.

The workers have only the packed environment, which comes with the application; driver and readers have the wheel.
"""

import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from ralm.serving import Scorer
from ralm.storage.path import StoragePath
from ralm.training.checkpoints import load_lookalike_spec, load_user_spec
from tests.finished import TINY
from tests.s3_server import KEY, SECRET, leading_to, make_bucket, s3_server
from tests.spark_cluster import standalone_cluster
from tests.wheel_environment import wheel_environment

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(2700)]

WAREHOUSE = "s3a://bucket/wh"
MODELS = f"{WAREHOUSE}/_models"
# The ranks of trainings run on the executors.
SETTINGS = (
    *(f"{training}.local_mode=false" for training in ("user_training", "lookalike_training")),
    *(f"{training}.processes=2" for training in ("user_training", "lookalike_training")),
    "variants.ralm.settings.closed_form=false",  # trained whatever the validation items are
)
READ = """
import sys, ralm
w = ralm.open(sys.argv[1])
item = w.items().first()["item_id"]
best = w.audience(item, top=3).toPandas()
users = [row["user_id"] for row in w.table("users").limit(20).collect()]
print("READ", item, " ".join(best["user_id"]), w.extend(users, top=5).count())
"""


@dataclass
class Run:
    """What is there after the pipeline."""

    address: str
    folder: Path
    printed: str
    ralm: Callable[..., str]
    python: Path

    def rows(self, name: str) -> list[dict[str, object]]:
        """A table as another engine reads it."""
        options = {"endpoint_url": self.address, "access_key_id": KEY, "secret_access_key": SECRET}
        options |= {"allow_http": "true", "region": "us-east-1"}
        return DeltaTable(f"s3://bucket/wh/{name}", storage_options=options).to_pyarrow_table().to_pylist()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("cluster")
    made = wheel_environment(folder)
    archive = folder / "packed.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(made, arcname=".")
    (folder / "mine.yaml").write_text(
        TINY.read_text(encoding="utf-8") + f"warehouse: {WAREHOUSE}\n"
        "storage:\n  endpoint: ${ENDPOINT}\n  region: us-east-1\n"
        "  access_key: ${MY_KEY}\n  secret_key: ${MY_SECRET}\n"
    )
    with s3_server(folder) as address, standalone_cluster(folder) as master:
        make_bucket(address, "bucket")
        text = (folder / "mine.yaml").read_text(encoding="utf-8").replace("${ENDPOINT}", address)
        (folder / "mine.yaml").write_text(text, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHONPATH"))}
        environment |= {"MY_KEY": KEY, "MY_SECRET": SECRET}

        def ralm(*arguments: str, where: tuple[str, ...] = ("--master", "local[2]")) -> str:
            command = [str(made / "bin" / "ralm"), *arguments, "--config", "mine.yaml"]
            command += [part for setting in SETTINGS for part in ("--set", setting)]
            done = subprocess.run(
                [*command, "--", *where], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            said = done.stdout + done.stderr
            assert done.returncode == 0, said[-6_000:]
            assert SECRET not in said
            return said

        own = ("--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.executor.memory=1g")
        cluster = ("--master", master, "--archives", f"{archive}#environment", *own)
        printed = ralm("pipeline", where=cluster)
        with leading_to(address):
            yield Run(address, folder, printed, ralm, made / "bin" / "python")


def test_the_workers_ran_the_packed_python(run: Run) -> None:
    unpacked = list(run.folder.glob("worker*/work/app-*/*/environment/bin/python"))
    assert len(unpacked) == 2
    models = [model.path for kind in ("user", "lookalike") for model in StoragePath.at(f"{MODELS}/{kind}").children()]
    trainings = [(load_user_spec if "/user/" in path else load_lookalike_spec)(path).training for path in models]
    assert {(training.local_mode, training.processes) for training in trainings} == {(False, 2)}
    assert len(models) == 3  # the user model, and two rounds


def test_every_file_is_in_the_bucket(run: Run) -> None:
    assert list(run.folder.rglob("s3a:*")) == []
    assert list(run.folder.rglob("_SUCCESS")) == []
    assert list(run.folder.rglob("_delta_log")) == []
    assert StoragePath.at(f"{MODELS}/work").children() == []
    assert "<!doctype html>" in StoragePath.at(f"{WAREHOUSE}/report.html").read_text()
    kinds = {kind.name for kind in StoragePath.at(MODELS).children()}
    assert kinds >= {"interests", "lookalike", "tensorboard", "user", "vocabulary"}


def test_no_secret_is_stored(run: Run) -> None:
    for name in ("runs", "releases"):
        rows = json.dumps(run.rows(name), default=str)
        assert SECRET not in rows
        assert "train_lookalike" in rows or name == "releases"
    assert "${MY_SECRET}" in json.dumps(run.rows("releases"), default=str)


def test_it_resumes_a_list_and_an_export_go_on_from_there(run: Run) -> None:
    assert "already done" in run.ralm("pipeline")
    users = sorted({str(row["user_id"]) for row in run.rows("users")})[:40]
    (run.folder / "mine.csv").write_text("user_id\n" + "\n".join(users) + "\n")
    said = run.ralm("extend_audience", "--system", "ralm", "--seeds", "mine.csv")
    assert "list:mine" in said
    run.ralm("export_serving")
    best = {}
    for row in run.rows("audiences"):
        if row["system"] == "ralm" and not str(row["item_id"]).startswith("list:"):
            best[str(row["item_id"]), str(row["user_id"])] = float(str(row["score"]))
    item, user = max(best, key=lambda pair: best[pair])
    answer = Scorer(f"{WAREHOUSE}/_serving").score(user, [item])
    assert answer.scores[0] == pytest.approx(best[item, user], abs=1e-5)


def test_a_notebook_opens_it(run: Run) -> None:
    command = [str(run.python), "-c", READ, WAREHOUSE]
    done = subprocess.run(command, cwd=run.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    said = next(line.split() for line in done.stdout.splitlines() if line.startswith("READ "))
    assert len(said) == 6
    assert said[-1] == "5"
