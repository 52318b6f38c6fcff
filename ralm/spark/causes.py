"""The innermost cause of a failure in Spark, where it is the machine, the files or another application."""

from __future__ import annotations

import re
from typing import Any

from ralm.errors import MissingInputError, RalmError

# What a machine or file system says -> what to do. The first that is found in the chain of causes is shown.
_MACHINE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"No space left on device", "free some space there, and run the same command again"),
        (r"Disk quota exceeded", "free some space there, and run the same command again"),
        (r"Read-only file system", "give a place that can be written to"),
        (r"Permission denied|AccessControlException[^\n]*", "give this user the right to it"),
        (r"Mkdirs failed to create[^\n]*", "see whether this user may write there, and whether there is space"),
        (r"Too many open files", "raise the limit (ulimit -n)"),
        (r"OutOfMemoryError: [^\n]*", "give more memory: spark.driver_memory, or --executor-memory after `--`"),
        (r"(?:Connection refused|UnknownHostException|No route to host)[^\n]*", "is the server there and reachable?"),
    )
)
_FILE = re.compile(r"(?:file:)?(/[^\s:'\"(){},;]+)")
_ANOTHER = re.compile(
    r"DELTA_(?:CONCURRENT_\w+|PROTOCOL_CHANGED|METADATA_CHANGED|TRANSACTION_NOT_FOUND)|Concurrent\w*Exception|"
    r"(?:ProtocolChanged|MetadataChanged)Exception|FileAlreadyExistsException[^\n]*_delta_log|"
    r"CONCURRENT_STREAM_LOG_UPDATE|Multiple streaming queries are concurrently using"
)
# Delta quotes the commit that came first, and with it what its writer said of itself.
_ITS_RUN = re.compile(r'run_id\\*": ?\\*"([^"\\]+)')
# Wrappers that say nothing of their own.
_EMPTY = re.compile(
    r"^(?:Job aborted|Task failed while writing|Writing job aborted|Exception thrown in awaitResult)", re.I
)


def machine_error(text: str, where: str) -> RalmError | None:
    """The error for messages (first to last) that name a cause outside of Spark; None: they name none."""
    for pattern, advice in _MACHINE:
        found = list(pattern.finditer(text))
        if found:
            last = found[-1]
            line = text[text.rfind("\n", 0, last.start()) + 1 :].partition("\n")[0]
            file = _FILE.search(line) or _FILE.search(text)
            name = file[1].rstrip(".") if file else ""
            place = f": {name}" if name and name not in last[0] else ""
            kind = MissingInputError if "Connection" in last[0] or "Host" in last[0] else RalmError
            return kind(f"{where}: {last[0].strip()}{place}; {advice}")
    if _ANOTHER.search(text):
        run = _ITS_RUN.search(text)
        who = f"another application (run {run[1]})" if run else "another application"
        return RalmError(
            f"{where}: {who} writes to this warehouse; nothing is lost: run the same command again when it has ended"
        )
    return None


def is_conflict(error: BaseException) -> bool:
    """Whether Delta refused a commit because another application's came first; nothing of it was written."""
    return _ANOTHER.search("\n".join(chain(error))) is not None


def chain(error: BaseException) -> list[str]:
    """The messages of an exception and of its causes, in Python and in the JVM, outermost first."""
    parts = [str(error)]
    cause: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None and len(parts) < 50:
        parts.append(str(cause.toString()))
        cause = cause.getCause()
    return parts


def innermost(error: BaseException) -> str:
    """What failed at the bottom, in one line: of a chain of causes the last one that says something."""
    if getattr(error, "java_exception", None) is None and getattr(error, "_origin", None) is None:
        return _first_line(str(error))
    for text in reversed(chain(error)[1:]):
        line = _first_line(re.sub(r"^(?:[a-z][\w$]*\.)+([A-Z][\w$]*):", r"\1:", text))
        message = line.partition(":")[2].strip()
        if message and not _EMPTY.match(re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", message)):
            return line
    return _first_line(str(error))


def _first_line(text: str) -> str:
    head = re.split(r"\n\s*(?:at |==|JVM stacktrace|Driver stacktrace|\n)", text.strip(), maxsplit=1)[0]
    return " ".join(head.split())
