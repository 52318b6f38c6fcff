"""The files of a source: which a path means, which of them are left out, and the folders named key=value above them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.letters import seen
from ralm.spark.errors import user_errors

Say = Callable[[str], None]

_PATTERN = re.compile(r"[*?\[\]{}]")
_PARTITION = re.compile(r"[^=/]+=[^/]*")
_TRIED = 20
# What programs leave beside data, and no one means.
_MARKERS = re.compile(
    r"(?i)_(success|metadata|common_metadata|committed_.*|started_.*)|\..*\.crc|\.ds_store|thumbs\.db|desktop\.ini|\._.*"
)
# Unfinished files, copies and sums: read only if nothing else matches.
STRAY = re.compile(
    r"(?i)~$|\.(tmp|temp|part|partial|crdownload|inprogress|filepart|swp|swo|bak|orig|old|lock|crc|md5|sha1|sha256|ctl|done|ok)$"
)


@dataclass(frozen=True)
class SourceFile:
    """A file with rows.

    Attributes:
        path: as Hadoop writes it.
        size: bytes.
        changed: time of change, milliseconds since 1970.
        base: the folder below which all folders are named key=value.
        keys: these keys, outermost first.
    """

    path: str
    size: int
    changed: int
    base: str
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The path without its scheme, for messages."""
        return re.sub(r"^file:/*(?=/)", "", self.path)


def find_files(spark: SparkSession, path: str, setting: str, form: str, say: Say) -> list[SourceFile]:
    """The files that a path means, those of sub-folders among them; what is left out is said.

    A name that exists is taken literally, else [ ] { } * ? are a pattern. Hidden files (_x, .x), unfinished ones
    (.tmp, ~) and empty ones are left out, unless nothing else is there.

    Args:
        setting: the source's place in the configuration, for messages.
        form: the source's format, for the remedy if the folder is a table of another one.

    Raises:
        MissingInputError: no file at the path.
        DataError: a link to a file that is not there.
        ConfigError: only hidden files; a folder `key=` without a value; a folder of a Delta, Iceberg or Hudi table.
    """
    where = f"{setting}.path: {path}"
    with user_errors(where):
        found, root = _matching(spark, path, where)
    _refuse_tables(spark, [name for name, *_ in found], root, where, form)
    shown = [entry for entry in found if not _hidden(_below(entry[0], root))]
    hidden = [name for name, *_ in found if _hidden(_below(name, root)) and not is_marker(name)]
    if not shown:
        refuse_hidden(hidden, where)
        raise MissingInputError(f"{where}: no files there")
    stray = [name for name, *_ in shown if STRAY.search(name)]
    if len(stray) < len(shown):
        shown = [entry for entry in shown if entry[0] not in set(stray)]
    else:
        stray = []
    if left := hidden + stray:
        say(f"{setting}: {len(left)} files of {path} are left out as hidden or unfinished: {some(left)}")
    for name, *_ in shown:
        if empty := next((part for part in _below(name, root)[:-1] if part.endswith("=") and part != "="), None):
            raise ConfigError(f"{where}: the folder {empty} has no value after its =: rename it")
    full = [entry for entry in shown if entry[1] > 0] or shown[:1]
    return [SourceFile(name, size, changed, *_partitions(name, root)) for name, size, changed in full]


def is_marker(name: str) -> bool:
    """Whether a file is what programs leave beside data, such as _SUCCESS or .DS_Store."""
    return _MARKERS.fullmatch(_last(name)) is not None


def refuse_hidden(hidden: list[str], where: str) -> None:
    """Refuse a place with nothing but hidden files that someone may mean.

    Raises:
        ConfigError: there are some.
    """
    if hidden:
        raise ConfigError(
            f"{where}: only hidden files ({some(hidden)}): names that begin with _ or . are not read; rename them"
        )


def path_listing(spark: SparkSession, path: str) -> list[tuple[str, int, int]]:
    """(path, bytes, time of change) of the files that match: another listing means another input; may be empty."""
    system, place = _system(spark, path)
    return sorted(entry for status in _statuses(system, place) for entry in _under(system, status))


def _matching(spark: SparkSession, path: str, where: str) -> tuple[list[tuple[str, int, int]], str]:
    """The files, hidden ones among them, and the folder below which key=value is a column."""
    system, place = _system(spark, path)
    literal = system.exists(place)
    statuses = _statuses(system, place)
    refuse_broken_links(statuses, where)
    if not statuses:
        raise MissingInputError(f"{where}: no such file or folder{_alike(system, place)}")
    if not literal:
        fixed = system.makeQualified(place)
        while _PATTERN.search(str(fixed)) and fixed.getParent() is not None:
            fixed = fixed.getParent()
        root = str(fixed)
    elif statuses[0].isDirectory():
        root = str(statuses[0].getPath())
    else:
        root = str(statuses[0].getPath().getParent())
    found = sorted({entry for status in statuses for entry in _under(system, status)})
    if not found:
        raise MissingInputError(f"{where}: no files there")
    return found, root


def _alike(system: Any, place: Any) -> str:
    """A file in the same folder whose name is nearly the one that is not there, or how several are named."""
    name, folder = str(place.getName()), place.getParent()
    if folder is None or not system.exists(folder):
        return f"; there is no folder {folder}" if folder is not None else ""
    names = [str(status.getPath().getName()) for status in system.listStatus(folder)]
    same = [found for found in names if seen(found).casefold() == seen(name).casefold()]
    if near := same or difflib.get_close_matches(name, names, 1, 0.8):
        return f"; there is '{near[0]}'" + (
            "" if seen(near[0]) != name else ", of which a letter is written in two parts"
        )
    return "; several files are a pattern, such as {a,b}.csv" if "," in name else ""


def refuse_broken_links(statuses: Sequence[Any], where: str) -> None:
    """Links to files that are not there, which Hadoop leaves out of local folders without a word."""
    for status in statuses:
        uri = status.getPath().toUri()
        local = status.isDirectory() and uri.getScheme() in (None, "file")
        if broken := next(_broken_links(str(uri.getPath())), "") if local else "":
            raise DataError(f"{where}: {broken} is a link to a file that is not there: remove it")


def _broken_links(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(("_", ".")):
                continue
            if entry.is_symlink():
                if not os.path.exists(entry.path):
                    yield entry.path
            elif entry.is_dir():
                yield from _broken_links(entry.path)


def _system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    jvm = spark._jvm
    assert jvm is not None
    place = jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), place


def _statuses(system: Any, place: Any) -> list[Any]:
    return [system.getFileStatus(place)] if system.exists(place) else list(system.globStatus(place) or [])


def _under(system: Any, status: Any) -> Iterable[tuple[str, int, int]]:
    if not status.isDirectory():
        yield str(status.getPath()), int(status.getLen()), int(status.getModificationTime())
        return
    files = system.listFiles(status.getPath(), True)
    while files.hasNext():
        file = files.next()
        yield str(file.getPath()), int(file.getLen()), int(file.getModificationTime())


def _refuse_tables(spark: SparkSession, names: list[str], root: str, where: str, form: str) -> None:
    """A table's folder holds files of old versions beside the current ones."""
    system, place = _system(spark, root)
    jvm = spark._jvm
    assert jvm is not None
    folders = [root]
    while "=" in _last(folders[-1]) or len(folders) == 1:  # the table of a partition
        parent = place = place.getParent()
        if parent is None:
            break
        folders.append(str(parent))
    # A pattern may match files of tables that lie side by side; a few tell.
    folders += sorted({name.rpartition("/")[0] for name in names})[:_TRIED]
    listed = {part for name in names for part in name.split("/")}
    path = jvm.org.apache.hadoop.fs.Path
    iceberg = any(re.search(r"/metadata/[^/]*\.metadata\.json$", name) for name in names)
    found, remedy = "", "give it as `table: catalog.schema.name`"
    for folder in dict.fromkeys(folders):
        if "_delta_log" in listed or system.exists(path(folder, "_delta_log")):
            found, remedy = "a Delta", "give its folder and `format: delta`"
        elif ".hoodie" in listed or system.exists(path(folder, ".hoodie")):
            found = "a Hudi"
        elif form == "parquet" and (iceberg or list(system.globStatus(path(folder, "metadata/*.metadata.json")) or [])):
            found = "an Iceberg"
    if found:
        raise ConfigError(f"{where}: is {found} table, whose files hold old rows as well: {remedy}")


def _below(name: str, root: str) -> list[str]:
    return name.removeprefix(root).strip("/").split("/")


def _hidden(parts: list[str]) -> bool:
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def some(names: list[str]) -> str:
    """The names of some files, for a message."""
    listed = sorted(_last(name) for name in names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _partitions(name: str, root: str) -> tuple[str, tuple[str, ...]]:
    folders = _below(name, root)[:-1]
    keys: list[str] = []
    while folders and _PARTITION.fullmatch(folders[-1]):
        keys.insert(0, folders.pop().partition("=")[0])
    return "/".join([root.rstrip("/"), *folders]), tuple(keys)
