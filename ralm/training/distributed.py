"""Launches a training on Spark's TorchDistributor: checks the slots before, launches again after a failure.

A single rank on the driver's cores trains in the driver: TorchDistributor would start two Python processes for it,
which import torch for longer than a small model trains. This is the only file of the training that imports Spark, and
only when it is called.
"""

from __future__ import annotations

import collections
import contextlib
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ralm import errors
from ralm.config import Training
from ralm.errors import ConfigError, RalmError
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How long to wait for executors that are starting; a barrier stage with too few slots waits silently for minutes.
PATIENCE_SECONDS = 30.0
FAILURE = "ralm-failure "
Function = Callable[[Any], dict[str, Any]]
Spec = UserTrainingSpec | LookalikeTrainingSpec

logger = logging.getLogger(__name__)


def _driver_cores(master: str | None) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    local = re.fullmatch(r"local(?:\[(\d+|\*)(?:,\d+)?\])?", master or "")
    if local is None or local.group(1) == "*":
        return cores
    return int(local.group(1) or 1)


def _free_slots(spark: SparkSession) -> int:
    """Tasks that the executors could start at this moment."""
    context = spark.sparkContext._jsc.sc()
    profile = context.resourceProfileManager().defaultResourceProfile()
    running = sum(info.numRunningTasks() for info in context.statusTracker().getExecutorInfos())
    return int(context.maxNumConcurrentTasks(profile)) - int(running)


def check_slots(
    spark: SparkSession,
    processes: int,
    local_mode: bool,
    patience_s: float = PATIENCE_SECONDS,
    ranks_per_task: int = 1,
) -> None:
    """Whether `processes` ranks can start at once.

    Args:
        spark: the session.
        processes: ranks.
        local_mode: ranks on the driver's machine; otherwise in the tasks of a barrier stage.
        patience_s: how long executors may take to register, in seconds.
        ranks_per_task: in a barrier stage, the GPUs that Spark gives a task: one rank per GPU.

    Raises:
        ConfigError: too few cores or free task slots, or dynamic allocation (barrier stages refuse it).
    """
    if local_mode:
        cores = _driver_cores(spark.sparkContext.master)
        if processes > cores:
            raise ConfigError(
                f"training.processes: {processes} ranks, but the driver has {cores} cores; lower it to {cores} "
                "or set training.local_mode to false"
            )
        return
    if spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        raise ConfigError(
            "spark.dynamicAllocation.enabled: true, but ranks on executors are a barrier stage, which needs fixed "
            "executors; submit the training with it set to false, or set training.local_mode to true"
        )
    deadline = time.monotonic() + patience_s
    while (free := _free_slots(spark) * ranks_per_task) < processes:
        if time.monotonic() >= deadline:
            raise ConfigError(
                f"training.processes: {processes} ranks, but the executors have room for {free} at this moment; "
                f"lower it to {max(free, ranks_per_task)} or give the application more executors or cores"
            )
        time.sleep(1.0)


class _Relay(io.TextIOBase):
    """Passes on the ranks' progress lines, keeps their failures, and keeps the rest for the log."""

    def __init__(self, sink: Any) -> None:
        self.sink = sink
        self.pending = ""
        self.failure: dict[str, str] | None = None
        self.tail: collections.deque[str] = collections.deque(maxlen=100)

    def write(self, text: str) -> int:
        """Take text; each line is handled once it is complete."""
        *lines, self.pending = (self.pending + text).split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        # Lines from executors have a prefix of the log server.
        if (at := line.find(FAILURE)) >= 0:
            with contextlib.suppress(ValueError):
                # After the first failure, other ranks only report that they lost the failed one.
                self.failure = self.failure or json.loads(line[at + len(FAILURE) :])
        elif (start := re.search(r"\[(user model|look-alike) [^\]]+\] .*", line)) is not None:
            self.sink.write(start.group(0) + "\n")
            self.sink.flush()
        elif line.strip():
            self.tail.append(line)

    def error(self, problem: BaseException) -> RalmError:
        """The one-line error of a failed launch, of the class that the rank raised."""
        if self.failure is not None:
            kind = getattr(errors, self.failure["kind"], RalmError)
            assert issubclass(kind, RalmError)
            return kind(self.failure["message"])
        named = [line for line in self.tail if re.match(r"^(\[\S+\]:)?[\w.]*(Error|Exception|Interrupt)\b", line)]
        last = named[-1].strip() if named else " ".join(str(problem).split())[:500]
        return RalmError(f"a training process ended without a message; its last line: {last}")


def _one_line(problem: Exception) -> str:
    """What a failure says, with the kind of those that are not ours."""
    message = " ".join(str(problem).split())[:1_500]  # Spark's log server cuts lines
    return message if isinstance(problem, RalmError) else f"{type(problem).__name__}: {message}"


def _run_by_name(function: str, spec_class: str, spec: str) -> str:
    """In a rank: import the training and run it; report a failure as one line of JSON on stdout.

    The result is a JSON string: on one machine all ranks write the same bytes to the same file.
    """
    import importlib

    def named(name: str) -> Any:
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)

    try:
        result: dict[str, Any] = named(function)(named(spec_class).model_validate_json(spec))
    except Exception as problem:
        import traceback

        kind = type(problem).__name__ if isinstance(problem, RalmError) else "RalmError"
        if not isinstance(problem, RalmError):
            traceback.print_exc()
        print(FAILURE + json.dumps({"kind": kind, "message": _one_line(problem)}), flush=True)
        raise
    return json.dumps(result, sort_keys=True)


def _worker(entry: str, paths: list[str]) -> Callable[..., str]:
    """The function to pickle: by value, so that a rank can run it before it can import this package."""

    def run(*arguments: str) -> str:
        import glob
        import importlib
        import os
        import sys

        # Files from --py-files lie in the task's working folder, which torchrun's process does not know.
        shipped = [os.getcwd(), *sorted(glob.glob(os.path.join(os.getcwd(), "*.zip")))]
        for path in [*shipped, *paths]:
            if os.path.exists(path) and path not in sys.path:
                sys.path.insert(0, path)
        module, _, name = entry.partition(":")
        result: str = getattr(importlib.import_module(module), name)(*arguments)
        return result

    return run


def launch(
    spark: SparkSession,
    function: Function,
    spec: Spec,
    training: Training,
) -> dict[str, Any]:
    """Run a training in `training.processes` ranks and return the result of rank 0.

    After a failure it is launched again, at most `training.retries` times; the training itself resumes from its last
    checkpoint. Failures caused by the configuration or the data are not retried.

    Args:
        spark: the session.
        function: `train_user_model` or `train_lookalike`, a module-level function.
        spec: its argument.
        training: processes, local_mode, device, retries.

    Raises:
        ConfigError: too few slots, or a wrong setting found by a rank.
        RalmError: the last launch failed; one line, the ranks' output is in the log (level INFO).
    """
    alone = training.processes == 1 and training.local_mode and training.device == "cpu"
    run = _in_the_driver if alone else _in_ranks
    for attempt in range(1, training.retries + 2):
        try:
            return run(spark, function, spec, training)
        except RalmError as error:
            if error.exit_code != RalmError.exit_code or attempt > training.retries:
                raise
            print(f"[{spec.title}] launch {attempt} failed: {error}; trying again from the last checkpoint", flush=True)
    raise AssertionError("unreachable")


def _in_the_driver(spark: SparkSession, function: Function, spec: Spec, training: Training) -> dict[str, Any]:
    """One rank, in this process; a failure as the one-line error that a rank of its own would send."""
    try:
        return function(spec)
    except RalmError:
        raise
    except Exception as problem:
        logger.info("the training failed", exc_info=True)
        raise RalmError(_one_line(problem)) from None


def _in_ranks(spark: SparkSession, function: Function, spec: Spec, training: Training) -> dict[str, Any]:
    """Ranks of TorchDistributor; the first failure that a rank reported, as an error of its class."""
    from pyspark.ml.torch.distributor import TorchDistributor

    use_gpu = training.device == "cuda"
    on_executors = use_gpu and not training.local_mode
    gpus = int(str(spark.conf.get("spark.task.resource.gpu.amount", "1"))) if on_executors else 1
    check_slots(spark, training.processes, training.local_mode, ranks_per_task=gpus)
    # Where this package was imported from: a checkout, or the archive itself (.zip).
    package = Path(errors.__file__).resolve().parents[1]
    worker = _worker(f"{__name__}:_run_by_name", [str(package)])
    kind = type(spec)
    arguments = (
        f"{function.__module__}:{function.__qualname__}",
        f"{kind.__module__}:{kind.__qualname__}",
        spec.model_dump_json(),
    )
    distributor = TorchDistributor(num_processes=training.processes, local_mode=training.local_mode, use_gpu=use_gpu)
    distributor.logger.setLevel(logging.WARNING)  # its constructor sets INFO
    relay = _Relay(sys.stdout)
    try:
        # Ranks on the driver's machine are relayed to stdout, those on executors to stderr.
        with contextlib.redirect_stdout(relay), contextlib.redirect_stderr(relay):
            answer = distributor.run(worker, *arguments)
    except Exception as problem:
        logger.info("output of the failed ranks:\n%s", "\n".join(relay.tail))
        raise relay.error(problem) from None
    result: dict[str, Any] = json.loads(str(answer))
    return result
