"""The command line that every job understands, and how a job ends: its exit code, and one line for the user."""

from __future__ import annotations

import argparse
import datetime as dt
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ralm.config import Config, load_config
from ralm.errors import INTERRUPTED, ConfigError, RalmError, masked, one_line
from ralm.runs.console import clear_line, install

EPILOG = (
    "Configuration keys, with their units, bounds and defaults: ralm/config/; worked examples: conf/*.yaml. "
    "Exit codes: 2 bad configuration, 3 bad data, 4 a missing input, 130 interrupted, 1 anything else."
)

# In place of a job: print what a shell needs to complete command lines.
COMPLETION = "--completion"


@dataclass(frozen=True)
class Arguments:
    """What a job was asked to do."""

    config: Config
    config_path: Path
    force: bool = False
    dry_run: bool = False
    as_of: dt.date | None = None
    debug: bool = False
    options: dict[str, Any] = field(default_factory=dict)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD, found '{text}'") from error


def locate(path: str) -> Path:
    """The configuration file: as named, or shipped by `--files` into the working directory (cluster deploy mode)."""
    named = Path(path)
    shipped = Path.cwd() / named.name
    # `os.path`: what no file can be called does not exist, which pathlib may answer by an OSError.
    return shipped if not os.path.exists(named) and os.path.exists(shipped) else named


def job_parser(description: str, dry_run: bool, options: argparse.ArgumentParser | None) -> argparse.ArgumentParser:
    """The command line of a job: what all of them understand, and its own options."""
    parents = [] if options is None else [options]
    parser = _Parser(description=description, epilog=EPILOG, allow_abbrev=False, parents=parents)
    parser.add_argument("--config", required=True, metavar="FILE", help="the YAML configuration")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="set a configuration key; repeatable"
    )
    parser.add_argument(
        "--as-of", type=_date, metavar="YYYY-MM-DD", help="the logical date (dates.a3); default: as configured"
    )
    parser.add_argument("--force", action="store_true", help="repeat what is already done")
    parser.add_argument(
        "--progress",
        choices=("bar", "lines", "json"),
        default="lines",
        help="bar: a line that is updated, as on a terminal; lines: plain ones; json: every line is a JSON object",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if dry_run:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="print what would run and what a sample of each source holds; write nothing",
        )
    return parser


def parse(
    description: str,
    argv: Sequence[str] | None = None,
    *,
    dry_run: bool = False,
    allow_rest: bool = False,
    options: argparse.ArgumentParser | None = None,
) -> Arguments:
    """Read a job's command line and its configuration.

    Args:
        description: what the job does, shown by `--help`.
        argv: the arguments; default: those of the process.
        dry_run: whether the job knows `--dry-run`.
        allow_rest: whether unknown arguments are ignored; otherwise they are an error.
        options: the job's own options (a parser without help), which go to `Arguments.options`.

    Raises:
        ConfigError: an unknown flag, a missing `--config`, or a configuration that cannot be run.
        MissingInputError: the configuration file does not exist.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    parser = job_parser(description, dry_run, options)
    known = parser.parse_known_args(given)[0] if allow_rest else parser.parse_args(given)
    own = [] if options is None else [action.dest for action in options._actions]
    if not allow_rest:
        install(known.progress)
    path = locate(known.config)
    config = load_config(path, known.set)
    for line in [] if allow_rest else config.notes:
        print(f"note: {line}")
    return Arguments(
        config=config,
        config_path=path,
        force=known.force,
        dry_run=dry_run and known.dry_run,
        as_of=known.as_of,
        debug=known.debug,
        options={name: getattr(known, name) for name in own},
    )


def any_terminal() -> None:
    """Let text that the terminal's encoding lacks be printed as `?`, instead of ending the job."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def break_off(*_: object) -> None:
    """What Ctrl-C does to a job: it is said at once, for what is printed passes through a JVM that ends at it, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    clear_line()
    # While ranks train, sys.stderr is what relays their lines, and would keep this one to itself.
    print(INTERRUPTED, file=sys.__stderr__ or sys.stderr, flush=True)
    raise KeyboardInterrupt(INTERRUPTED)


def _interruption(error: BaseException) -> KeyboardInterrupt | None:
    """The Ctrl-C behind an error, if there is one: what it breaks off fails in turn."""
    seen: BaseException | None = error
    for _ in range(20):
        if seen is None or isinstance(seen, KeyboardInterrupt):
            break
        seen = seen.__cause__ or seen.__context__
    return seen if isinstance(seen, KeyboardInterrupt) else None


def say_error(error: BaseException, argv: Sequence[str]) -> int:
    """Print one line on stderr for an error that ends the process; its exit code."""
    debug = "--debug" in argv
    if debug:
        traceback.print_exception(error)
    # Where both go to one terminal, the progress on stdout must come before the error on stderr.
    clear_line()
    sys.stdout.flush()
    interruption = _interruption(error)
    if interruption is not None:
        if INTERRUPTED not in interruption.args:  # else it has been said
            print(INTERRUPTED, file=sys.stderr)
        return 130
    if isinstance(error, RalmError):
        message = " ".join(str(error).split()) or "no message"
        print(f"error: {message}", file=sys.stderr)
        return error.exit_code
    hint = "" if debug else " (--debug shows the traceback)"
    print(f"error: unexpected {type(error).__name__}: {_inmost(error)[:500]}{hint}", file=sys.stderr)
    return 1


def _inmost(error: BaseException) -> str:
    """The message of the innermost cause, in one line, without passwords."""
    if hasattr(error, "java_exception") or hasattr(error, "_origin"):
        from ralm.spark.causes import innermost  # without Spark there is no such error

        return one_line(masked(innermost(error))) or "no message"
    return one_line(masked(str(error))) or "no message"


def run_job(
    main: Callable[[Arguments], None],
    description: str,
    argv: Sequence[str] | None = None,
    *,
    dry_run: bool = False,
    options: argparse.ArgumentParser | None = None,
) -> NoReturn:
    """Run a job's `main` and end the process: 0, or one line on stderr and the exit code of the error.

    Args:
        main: the job.
        description: its docstring, shown by `--help`.
        argv: the arguments; default: those of the process.
        dry_run: whether the job knows `--dry-run`.
        options: the job's own options, as in `parse`.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    any_terminal()
    signal.signal(signal.SIGINT, break_off)
    try:
        arguments = parse(description, given, dry_run=dry_run, options=options)
        # Imported here, so that mistakes in the command line are reported without loading Spark.
        from ralm.spark.errors import user_errors

        with user_errors(Path(sys.argv[0]).stem):
            main(arguments)
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(say_error(error, given))
    sys.exit(0)
