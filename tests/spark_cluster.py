"""A real standalone cluster on this machine: Spark's master and two workers, processes of their own.

The workers have Spark and Java. They have neither this checkout nor its virtual environment: what Python needs comes
with the application.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

from tests.s3_server import free_port

SPARK_HOME = Path(pyspark.__file__).parent
WORKERS = 2


@contextmanager
def _running(folder: Path, name: str, class_name: str, *arguments: str) -> Iterator[Path]:
    """A daemon of Spark while the block runs; yields the file of its log."""
    work = folder / name
    work.mkdir()
    java = shutil.which("java")
    assert java is not None
    # The variables of a login on a fresh machine, and the 256 MB that a daemon needs.
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(work), "SPARK_HOME": str(SPARK_HOME), "TMPDIR": str(work)}
    environment["SPARK_SCALA_VERSION"] = "2.13"  # as Spark's own scripts set it
    environment |= {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    command = [java, "-Xmx256m", "-cp", f"{SPARK_HOME}/jars/*", f"org.apache.spark.deploy.{class_name}", *arguments]
    log = work / "log"
    with log.open("wb") as sink:
        daemon = subprocess.Popen(command, cwd=work, env=environment, stdout=sink, stderr=sink)
    try:
        yield log
    finally:
        daemon.terminate()
        daemon.wait()


def _wait_for(log: Path, words: str, count: int = 1) -> None:
    until = time.monotonic() + 90
    while len(re.findall(words, text := log.read_text(errors="replace"))) < count:
        assert time.monotonic() < until, f"{log}: no '{words}' in {text[-2_000:]}"
        time.sleep(0.2)


@contextmanager
def standalone_cluster(folder: Path, memory: str = "1500m") -> Iterator[str]:
    """The address of the master, once its workers, of one core each, are there."""
    port, host = free_port(), "127.0.0.1"
    master = f"spark://{host}:{port}"
    with ExitStack() as daemons:
        own = ["--host", host, "--port", str(port), "--webui-port", "0"]
        log = daemons.enter_context(_running(folder, "master", "master.Master", *own))
        _wait_for(log, "elected leader")  # a worker that comes too early tries again ten seconds later
        for number in range(WORKERS):
            name = f"worker{number}"
            own = ["--host", host, "--cores", "1", "--memory", memory, "--webui-port", "0"]
            own += ["--work-dir", str(folder / name / "work"), master]
            daemons.enter_context(_running(folder, name, "worker.Worker", *own))
        _wait_for(log, "Registering worker", WORKERS)
        yield master
