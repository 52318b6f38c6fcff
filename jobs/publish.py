"""Publish a release, the versions of tables and models that are read together, if the metrics pass the gate."""

from __future__ import annotations

from jobs.cli.application import run
from jobs.cli.arguments import Arguments, run_job
from jobs.steps.releases import releases
from jobs.steps.tracking import release_run


def main(arguments: Arguments) -> None:
    """Run the job."""
    run(arguments, "publish", lambda context: [*releases.steps(context), *release_run.steps(context)])


if __name__ == "__main__":
    run_job(main, __doc__ or "")
