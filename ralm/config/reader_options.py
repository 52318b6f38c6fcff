"""Options of Spark's readers that a source may not have: by them rows or files would be left out without a word."""

from __future__ import annotations

from collections.abc import Iterable

_COUNTED = "leave it out: rows that cannot be read are counted, and ingest.max_bad_share says how many are too many"
_CHOSEN = "leave it out: `path` says which files are read, as a file, a folder with its sub-folders, or a pattern"
# In lower case.
_REFUSED = {
    **dict.fromkeys(("mode", "columnnameofcorruptrecord", "ignorecorruptfiles", "ignoremissingfiles"), _COUNTED),
    **dict.fromkeys(("modifiedafter", "modifiedbefore", "pathglobfilter", "recursivefilelookup"), _CHOSEN),
}


def check_options(options: Iterable[str], *, pinned: bool) -> None:
    """Refuse options that leave out rows or files, or say again which version of a table is meant.

    Args:
        options: their names, in whatever case.
        pinned: whether the source has a `version` or a `timestamp`.

    Raises:
        ValueError: there is one.
    """
    for key in options:
        if remedy := _REFUSED.get(key.lower()):
            raise ValueError(f"options: {key}: {remedy}")
        if pinned and key.lower() in ("versionasof", "timestampasof"):
            raise ValueError(f"options: {key}: `version` or `timestamp` says which it is: leave it out")
