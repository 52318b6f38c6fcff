"""What Prometheus reads of a driver: Spark's own endpoints, by the settings of docs/tracking.md."""

import re
import subprocess
import sys

import pytest

from tests.finished import ROOT

SETTINGS = dict(re.findall(r'--conf "?(spark\.[\w.*]+)=([^\s"]+)', (ROOT / "docs" / "tracking.md").read_text("utf-8")))
SCRIPT = """
import sys
from urllib.request import urlopen
from ralm.config import Spark
from ralm.spark.session import get_session

conf = dict(part.split("=", 1) for part in sys.argv[1:])
conf |= {"spark.ui.enabled": "true", "spark.ui.port": "0"}  # as under spark-submit, on a free port
spark = get_session("metrics", Spark(master="local[1]", driver_memory="1g", conf=conf))
spark.range(1000).selectExpr("sum(id)").collect()
for path in ("metrics/prometheus/", "metrics/executors/prometheus/"):
    print("FROM", path)
    print(urlopen(f"{spark.sparkContext.uiWebUrl}/{path}", timeout=30).read().decode())
spark.stop()
"""


@pytest.mark.long
@pytest.mark.spark
def test_the_endpoints_answer_with_the_metrics_of_the_application() -> None:
    assert {key.rpartition(".")[2] for key in SETTINGS} == {"class", "path", "namespace"}
    given = [f"{key}={value}" for key, value in SETTINGS.items()]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, driver, executors = done.stdout.split("FROM ")
    metrics = dict(re.findall(r"^(\w+)\{[^}]*\} (\S+)$", driver, re.MULTILINE))
    assert float(metrics["metrics_ralm_driver_DAGScheduler_job_allJobs_Value"]) >= 1
    tasks = re.findall(r"^metrics_executor_completedTasks_total\{([^}]*)\} (\S+)", executors, re.MULTILINE)
    assert any('application_name="metrics"' in labels and float(value) >= 1 for labels, value in tasks), executors[:500]
