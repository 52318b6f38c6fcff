"""Puts together a job's spark-submit command: package, configuration, jars, settings."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from jobs.cli.arguments import COMPLETION, Arguments, any_terminal, parse, say_error
from jobs.cli.listed import split_options
from jobs.cli.profiles import profile, read_settings
from jobs.cli.shipment import ROOT, Shipment, scratch_folder, zip_package
from jobs.cli.small_data import is_small
from jobs.cli.suggestion import OPTION
from ralm.config.storage import SCHEME
from ralm.errors import ConfigError, RalmError
from ralm.spark.jars import coordinates, fetched, record
from ralm.spark.jvm import class_archive, class_path, java_options
from ralm.spark.s3 import s3_coordinates

USAGE = "JOB --config FILE [--set section.key=value]... [job options] [-- spark-submit options]"
# Jobs that need no Spark: they run in this Python.
WITHOUT_SPARK = ("status",)


def known_jobs(folder: Path) -> dict[str, str]:
    """Job name -> the first line of its docstring, of every file in `folder` that ends in a call of `run_job`."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^    run_job\(", text, flags=re.MULTILINE):
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def option_value(options: Sequence[str], name: str, setting: str | None = None) -> str | None:
    """The last value of an option such as `--master`, or of its setting in a `--conf spark.master=...`."""
    value = None
    for option, following in itertools.zip_longest(options, options[1:], fillvalue=""):
        if option == name:
            value = following
        elif option.startswith(f"{name}="):
            value = option.partition("=")[2]
        elif setting and option.removeprefix("--conf=").startswith(f"{setting}="):
            value = option.removeprefix("--conf=").partition("=")[2]
    return value


def packed_python(options: Sequence[str]) -> dict[str, str]:
    """The settings by which executors, and a driver in the cluster, run the Python of `--archives FILE#environment`."""
    archives = option_value(options, "--archives", "spark.archives") or ""
    if not any(archive.endswith("#environment") for archive in archives.split(",")):
        return {}
    found = {"spark.pyspark.python": "./environment/bin/python"}
    if option_value(options, "--deploy-mode", "spark.submit.deployMode") != "cluster":
        found["spark.pyspark.driver.python"] = sys.executable
    return found


def with_progress(job_arguments: Sequence[str], options: Sequence[str], terminal: bool) -> list[str]:
    """The job's arguments, with a progress line that is updated where the driver's lines go to a terminal.

    The job itself cannot know: what it prints passes through a JVM.
    """
    said = any(argument.partition("=")[0] == "--progress" for argument in job_arguments)
    elsewhere = option_value(options, "--deploy-mode", "spark.submit.deployMode") == "cluster"
    bar = terminal and not said and not elsewhere
    return [*job_arguments, *(["--progress", "bar"] if bar else [])]


def build_command(
    spark_submit: str,
    job: Path,
    arguments: Arguments,
    job_arguments: Sequence[str],
    options: Sequence[str],
    shipment: Shipment,
    settings: Path,
) -> list[str]:
    """The spark-submit command line.

    Args:
        spark_submit: path of the program.
        job: the job's file.
        arguments: what the job will read from `job_arguments`.
        job_arguments: handed to the job as they are.
        options: the user's options of spark-submit.
        shipment: what goes with the job.
        settings: the folder of defaults.conf and of the profiles.
    """
    lists, others = split_options(options, arguments.config.spark.conf)
    own_file = option_value(others, "--properties-file")
    master = option_value(others, "--master", "spark.master") or (None if own_file else "local[*]")
    local = master is not None and master.startswith("local")
    command = [spark_submit, "--load-spark-defaults", "--driver-memory", arguments.config.spark.driver_memory]
    if own_file is None:
        command += ["--properties-file", str(settings / "defaults.conf")]
    if master is not None and "--master" not in others:
        command += ["--master", master]
    # A file of the user's own stands for all of ours, but on this machine nothing works without local.conf.
    added = profile(master) if master is not None and (local or own_file is None) else []
    for name in added:
        for key, value in read_settings(settings / f"{name}.conf").items():
            command += ["--conf", f"{key}={value}"]
    if local and shipment.java:
        command += ["--conf", f"spark.driver.extraJavaOptions={shipment.java}"]
    if local and shipment.jars:
        # The same files that --packages gives, without asking Ivy at every start.
        lists["--jars"].insert(0, shipment.jars)
        command += ["--conf", f"spark.driver.extraClassPath={class_path(shipment.jars)}"]
    else:
        lists["--packages"].insert(0, shipment.packages)
    if shipment.more:
        lists["--packages"].append(shipment.more)
    for key, value in packed_python(others).items():
        command += ["--conf", f"{key}={value}"]
    lists["--py-files"].insert(0, str(shipment.package))
    lists["--files"].insert(0, str(arguments.config_path.resolve()))
    for name, entries in lists.items():
        if entries:
            command += [name, ",".join(entries)]
    return [*command, *others, str(job), *job_arguments]


def refuse_connect(options: Sequence[str], given: Mapping[str, str]) -> None:
    """Raise if the command is to run over Spark Connect.

    Raises:
        ConfigError: `--remote`, its setting, or the variable SPARK_REMOTE.
    """
    remote = option_value(options, "--remote", "spark.remote") or given.get("SPARK_REMOTE")
    if remote:
        raise ConfigError(
            "commands train, cluster and hold models in a driver of their own: they do not run over Spark Connect "
            f"({remote.partition(';')[0]}); give `-- --master ...`, and no --remote or SPARK_REMOTE. In a notebook, "
            "ralm.open(...) reads, extends lists and scores pairs over Spark Connect"
        )


def environment(given: Mapping[str, str], spark_home: Path, log_settings: Path) -> dict[str, str]:
    """The environment of spark-submit: this Python and its Spark, with Spark's log reduced to errors."""
    result = dict(given)
    # Another Spark on the machine would not fit the pinned Python packages.
    result["SPARK_HOME"] = str(spark_home)
    result["PYSPARK_PYTHON"] = result["PYSPARK_DRIVER_PYTHON"] = sys.executable
    quiet = f'"-Dlog4j2.configurationFile={log_settings.as_uri()}"'
    # The user's options come last: their log settings win.
    result["SPARK_SUBMIT_OPTS"] = f"{quiet} {given.get('SPARK_SUBMIT_OPTS', '')}".strip()
    # The JVM cannot open paths with other letters than ASCII under LC_ALL=C, however Python reads them.
    locale = next((given[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if given.get(name)), "C")
    if not re.search(r"utf-?8", locale, re.IGNORECASE):
        result["LC_ALL"] = "C.UTF-8"
    # Set by spark-submit.sh to find this file; the job runs from the shipped zip, as it does on a cluster.
    paths = [path for path in given.get("PYTHONPATH", "").split(os.pathsep) if path and Path(path).resolve() != ROOT]
    result.pop("PYTHONPATH", None)
    if paths:
        result["PYTHONPATH"] = os.pathsep.join(paths)
    return result


def machine_files(root: Path) -> Path:
    """The folder of `spark/` and `check-machine.sh`: conf/ of a checkout, jobs/machine/ of an installed package."""
    packed = root / "jobs" / "machine"
    return packed if packed.is_dir() else root / "conf"


def _help(program: str, jobs: Mapping[str, str]) -> str:
    width = max(map(len, jobs), default=0)
    lines = [f"  {name:<{width}}  {line}" for name, line in jobs.items()]
    return "\n".join(
        [
            f"usage: {program} {USAGE}",
            "",
            "Runs a job by spark-submit: on local[*], or elsewhere by e.g. `-- --master yarn --deploy-mode cluster`.",
            f"A job's own options: {program} JOB --help",
            f"Completion in a shell: source <({program} {COMPLETION} bash), or zsh",
            "",
            "jobs:",
            *lines,
        ]
    )


def submit(argv: Sequence[str], root: Path = ROOT, program: str = "./spark-submit.sh") -> NoReturn:
    """Replace this process by spark-submit for the job that `argv` names, or print the help.

    Args:
        argv: what follows the program's name.
        root: the folder of the packages.
        program: what the help calls it.

    Raises:
        ConfigError: no such job, no `--config`, a configuration that cannot be run.
        MissingInputError: the configuration file does not exist.
    """
    jobs = known_jobs(root / "jobs")
    if not argv or argv[0] in ("-h", "--help"):
        print(_help(program, jobs))
        sys.exit(0)
    if argv[0] == COMPLETION:
        from jobs.cli.completion import script  # it loads all jobs

        print(script(argv[1] if len(argv) > 1 else "", jobs), end="")
        sys.exit(0)
    job, given = argv[0], list(argv[1:])
    if job not in jobs:
        raise ConfigError(f"no job '{job}'; jobs: {', '.join(jobs) or 'none'}")
    cut = given.index("--") if "--" in given else len(given)
    job_arguments, options = given[:cut], given[cut + 1 :]
    path = root / "jobs" / f"{job}.py"
    if {"-h", "--help"} & set(job_arguments):
        os.execv(sys.executable, [sys.executable, str(path), "--help"])
    if job == "ingest" and OPTION in job_arguments:  # it needs neither a configuration nor Spark
        os.execv(sys.executable, [sys.executable, str(path), *job_arguments])
    if job in WITHOUT_SPARK and not options:
        os.execv(sys.executable, [sys.executable, str(path), *job_arguments])
    refuse_connect(options, os.environ)
    # Read here too, so that a mistake is reported before a JVM starts.
    arguments = parse(jobs[job], job_arguments, dry_run=True, allow_rest=True)
    job_arguments = with_progress(job_arguments, options, terminal=sys.stdout.isatty())
    pyspark = importlib.util.find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise RalmError("pyspark is not installed for this Python: run 'make venv'")
    spark_home = Path(pyspark.origin).parent
    settings = machine_files(root) / "spark"
    shipment = Shipment(
        package=zip_package(root, scratch_folder()),
        jars=fetched(record()),
        packages=coordinates(),
        java=java_options(is_small(arguments.config), class_archive()),
        more=s3_coordinates() if arguments.config.s3 or any(SCHEME in text for text in job_arguments) else "",
    )
    spark_submit = str(spark_home / "bin" / "spark-submit")
    line = build_command(spark_submit, path, arguments, job_arguments, options, shipment, settings)
    sys.stdout.flush()
    os.execve(spark_submit, line, environment(os.environ, spark_home, settings / "log4j2.properties"))


def command() -> None:
    """Entry point of `ralm`, of the installed package."""
    argv = sys.argv[1:]
    if argv and argv[0] not in ("-h", "--help", COMPLETION, *WITHOUT_SPARK):
        script = str(machine_files(ROOT) / "check-machine.sh")
        if subprocess.run(["bash", script, "java"], stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(1)
    main(argv, program="ralm")


def main(argv: Sequence[str], program: str = "./spark-submit.sh") -> None:
    """Entry point of spark-submit.sh."""
    any_terminal()
    try:
        submit(argv, program=program)
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(say_error(error, argv))


if __name__ == "__main__":
    main(sys.argv[1:])
