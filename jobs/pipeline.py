"""Run everything in one application: from logs (or the built-in world) to audiences, a report and a release."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, run_job
from jobs.cli.dry_run import say_sources
from jobs.steps.nightly import run_night, steps
from ralm.config import Config, auto
from ralm.config.kept import without_secrets
from ralm.errors import RalmError
from ralm.evaluation.first_figure import first_figures
from ralm.runs.context import Context
from ralm.runs.runner import plan_steps
from ralm.runs.step import Step
from ralm.spark.session import get_session


def _dry_run(context: Context, plan: Sequence[Step]) -> None:
    resolved = yaml.safe_dump(without_secrets(auto.written(context.given, context.counts)), sort_keys=False)
    print(f"# configuration\n{resolved}\n# of which the data decide, unless a value is given")
    for line in auto.explain(context.given, context.counts):
        print(line)
    print(f"# warehouse {context.warehouse.path}")
    for name in sorted({table for step in plan for table in step.inputs}):
        version = context.warehouse.version(name) if context.warehouse.exists(name) else None
        print(f"{name}: {'not there yet' if version is None else f'version {version}'}")
    try:
        print(f"# dates: {context.dates}")
    except RalmError:
        print("# dates: resolved once there are impressions")
    print("# steps" + ("" if context.counts else " (they may change once the data are read)"))
    for title, what in plan_steps(context, plan):
        print(f"{title}: {what}")


def _summary(context: Context, config: Config) -> None:
    rows = context.warehouse.read("metrics").where("split = 'test'").collect()
    found = {(r["system"], r["protocol"], r["metric"]): r for r in rows if r["as_of"] == context.dates.a2}
    first = first_figures(config)
    shown = [(protocol, metric) for protocol in ("new_items", "later_clicks") for metric in first]
    shown.insert(len(first), ("new_items", "prec@10"))
    systems = [*config.variants, "user_activity", "popularity", "oracle"]
    print(f"\n{'':<14}" + "".join(f"{protocol.replace('_', ' ') + ' ' + metric:>28}" for protocol, metric in shown))
    for system in systems:
        cells = [found.get((system, protocol, metric)) for protocol, metric in shown]
        if any(cells):
            print(f"{system:<14}" + "".join(f"{'–' if c is None else format(c['value'], '.3f'):>28}" for c in cells))
    print(
        f"\naudiences   {context.warehouse.table_path('audiences')}\nreport      {context.warehouse.path}/report.html"
    )


def main(arguments: Arguments) -> None:
    """Run the job."""
    config = configured(arguments)
    spark = get_session(f"ralm pipeline {config.name}", config.spark, config.s3)
    try:
        context = Context(spark, config, force=arguments.force)
        if arguments.dry_run:
            _dry_run(context, steps(context))
            if config.ingest is not None and (error := say_sources(spark, config)):
                raise error
            return
        run_night(context)
        _summary(context, config)
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", dry_run=True)
