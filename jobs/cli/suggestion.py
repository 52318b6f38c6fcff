"""`ingest --suggest FILE…`: a first configuration, written from looking at the files; no Spark is started."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ralm.errors import ConfigError, RalmError

OPTION = "--suggest"


def options() -> argparse.ArgumentParser:
    """The job's own options."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        OPTION,
        nargs="+",
        metavar="FILE",
        help="print a first configuration from looking at these files; needs no --config",
    )
    return parser


def suggest(argv: Sequence[str]) -> None:
    """Print a configuration and end the process, if the arguments ask for one."""
    if OPTION not in argv or {"-h", "--help"} & set(argv):
        return
    from ralm.ingest.suggest import suggestion

    try:
        others = [*argv[: argv.index(OPTION)]]
        files = [*argv[argv.index(OPTION) + 1 :]]
        if others or not files or any(file.startswith("--") for file in files):
            raise ConfigError(f"{OPTION} takes files and no other option: ingest {OPTION} FILE…")
        print(suggestion(files), end="")
    except RalmError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)
