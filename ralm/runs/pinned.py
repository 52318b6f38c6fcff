"""Versions that a run has pinned and that VACUUM has taken since: a crashed run cannot go on with them."""

from __future__ import annotations

import re

from ralm.errors import RalmError
from ralm.runs.record import Record
from ralm.spark.causes import chain

# A data file that is not there any more; a version that Delta's log cannot make, or must not.
_GONE = re.compile(
    r"FILE_NOT_EXIST|FileNotFoundException|DELTA_(?:FILE_NOT_FOUND|VERSION_NOT_FOUND|UNSUPPORTED_TIME_TRAVEL|TRUNCATED)"
)


def vacuumed(record: Record, error: BaseException) -> RalmError | None:
    """The error to show where a resumed run failed for a version of its inputs that is gone; None: another reason."""
    text = "\n".join([*chain(error), *chain(error.__cause__ or error)])
    if not _GONE.search(text):
        return None
    for name, version in record.inputs.items():
        if f"/{name}/" in text or f"/{name}`" in text or f"'{name}'" in text:
            return RalmError(
                f"table '{name}': version {version}, which the run began with, is not there any more (VACUUM); run "
                f"'{record.step}' again with --force: it begins anew with the newest one"
            )
    return None
