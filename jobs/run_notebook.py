"""Run a notebook on the warehouse of the configuration, in a session of spark-submit (--notebook)."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from jobs.cli.application import configured
from jobs.cli.arguments import Arguments, locate, run_job
from ralm.errors import MissingInputError
from ralm.notebook.percent import run, save
from ralm.spark.session import get_session


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--notebook",
        required=True,
        metavar="FILE",
        help="in percent format, such as notebooks/01_first_look.py; in cluster mode also after `-- --files`",
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE.ipynb", help="write it with its results; default: print what its cells show"
    )
    return parser


def main(arguments: Arguments) -> None:
    """Run the job."""
    given, config = arguments.options, configured(arguments)
    path = locate(given["notebook"])
    if not path.is_file():
        raise MissingInputError(f"--notebook {path}: no such file")
    os.environ["RALM_WAREHOUSE"] = str(config.warehouse)
    os.environ.setdefault("MPLBACKEND", "Agg")  # plots are drawn; there is no window to show them in
    spark = get_session(f"ralm notebook {config.name}", config.spark, config.s3)
    try:
        if given["save"] is None:
            run(path)
        else:
            save(path, given["save"])
    finally:
        spark.stop()


if __name__ == "__main__":
    run_job(main, __doc__ or "", options=options())
