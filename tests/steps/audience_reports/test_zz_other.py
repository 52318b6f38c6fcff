from tests.steps.audience_reports.test_report import *  # noqa
from tests.steps.audience_reports.test_report import pytest

pytestmark = [pytest.mark.spark, pytest.mark.timeout(2000)]


def test_tiny_evaluate(tiny_run, tmp_path):
    import json, time
    from jobs.steps.evaluation import evaluate

    copy = tiny_run.copy(tmp_path / "wh")
    context = copy.context(say=print)
    from jobs.steps.evaluation.evaluate import steps

    start = time.time()
    import ralm.runs.context

    context = ralm.runs.context.Context(copy.spark, context.config, force=True, say=print)
    from ralm.runs.runner import run_steps

    run_steps(context, steps(context))
    print("TIME", time.time() - start)
    import shutil

    shutil.copytree(tmp_path / "wh", "/tmp/hrep/tinywh", dirs_exist_ok=True)
    d = json.load(open(tmp_path / "wh" / "report.json"))
    for k in ("production", "found", "shown_rates", "history"):
        print(k, json.dumps(d[k])[:1500])


def test_dump(spark):
    import time
    from ralm.config import Simulate
    from ralm.simulation import truth, world

    cfg = Simulate(
        users=3000, items=150, topics=12, behaviour_events=30, impressions_per_user=60, days=10, history_days=4
    )
    start = time.time()
    users = truth.with_user_truth(spark.range(0, cfg.users, 1, 2).withColumnRenamed("id", "number"), cfg, 7)
    users = users.withColumn("user_id", world.user_id(F.col("number"), cfg)).toPandas()
    users.to_pickle("/tmp/hrep/sim_users.pkl")
    print("T1", time.time() - start)
    ev = world.events(spark, cfg, 7).groupBy("user_id", "domain", "feature_id").count().toPandas()
    ev.to_pickle("/tmp/hrep/sim_events.pkl")
    print("T2", time.time() - start)
    im = world.impressions(spark, cfg, 7).where("clicked").select("user_id", "item_id").toPandas()
    im.to_pickle("/tmp/hrep/sim_clicks.pkl")
    print("T3", time.time() - start)
