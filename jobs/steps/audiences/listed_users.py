"""The known users of lists: read, matched, reported, put together."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.errors import DataError
from ralm.ingest.list_match import compared, few_matched, match_users
from ralm.ingest.user_list import read_user_list
from ralm.insight.small_counts import shown
from ralm.runs.step import RunningStep
from ralm.spark.frames import union


def listed_users(
    step: RunningStep,
    path: str,
    users: DataFrame,
    what: str,
    *,
    column: str | None = None,
    hashed: bool = False,
    value: str | None = None,
) -> DataFrame:
    """(user_id) of a list, with a report in a line and a check; with `value` also `value`, the sum of the user's.

    Args:
        step: says the report.
        path: of the list.
        users: (user_id), all known users.
        what: the list is, for the lines: seeds, exclusions, …
        column: of the user ids.
        hashed: the list holds SHA-256 digests.
        value: column of the values.

    Raises:
        DataError: a list that must not be empty holds no known user.
    """
    given = read_user_list(step.context.spark, path, column, value)
    matched, found = match_users(given, users, hashed=hashed)
    minimum = step.context.config.privacy.minimum
    report = found.said(minimum)
    step.say(f"{what} {path}: {report}")
    held = found.read - found.empty
    if not held and what == "exclusions":
        step.say(f"{what} {path}: the list is empty, 0 users are excluded")
        return matched
    step.check(f"{what} matched", found.matched > 0, float(shown(found.matched, minimum)), f"{path}: {report}")
    if not held and found.header is None:
        raise DataError(f"list {path}: it holds no ids; it was taken for {given.form}")
    if few_matched(found):
        seen = "examples are not shown (privacy.minimum)"
        if minimum < 2:  # an example is one person
            seen = compared(given, users, hashed=hashed)
        if found.matched == 0:
            raise DataError(f"{what} {path}: none of its ids is a known user: {report}; {seen}")
        step.say(f"{what} {path}: few of its ids are known users; {seen}")
    return matched


def in_one(lists: list[DataFrame]) -> DataFrame:
    """(user_id) of several lists, each user once; with `value` also the sum of the user's."""
    if len(lists) == 1:
        return lists[0]
    together = union(lists)
    if "value" in together.columns:
        return together.groupBy("user_id").agg(F.sum("value").alias("value"))
    return together.distinct()
