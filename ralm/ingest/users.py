"""The users table: profiles from their source, and all further users in the logs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import Fields, UserSource
from ralm.errors import ConfigError
from ralm.ingest.mapping import Mapped, Target
from ralm.ingest.quarantine import duplicates, keep_by, keep_first

# The date of a snapshot that holds for all dates.
ONE_SNAPSHOT = dt.date(1970, 1, 1)


def user_targets(
    source: UserSource | None, fields: Fields, user_id_type: str, ignored: Sequence[str] = ()
) -> list[Target]:
    """What to read from the users' source; `ignored` columns may be mapped without being fields.

    Raises:
        ConfigError: a profile field is not mapped, or a mapped column is not a field.
    """
    wanted = fields.profiles
    mapped = set(source.columns) if source else {"user_id"}
    missing = [name for name in wanted if name not in mapped]
    unknown = sorted(mapped - set(wanted) - {"user_id", "seen_at", *ignored})
    if missing or unknown:
        where = "ingest.users.columns" if source else "ingest.users is left out"
        raise ConfigError(
            f"{where}: fields.categorical and fields.numeric name {list(wanted)}; not mapped: {missing}, "
            f"mapped but not a field: {unknown}"
        )
    targets = [Target("user_id", "id", type=user_id_type)]
    targets += [Target(name, "label" if kind == "string" else "number", False) for name, kind in wanted.items()]
    return [*targets, Target("seen_at", "time")] if "seen_at" in mapped else targets


def one_profile(profiles: Mapped, source: UserSource) -> tuple[DataFrame, DataFrame | None]:
    """One row per user, and the duplicates as quarantine rows (none if the rows carry their time, or any will do).

    With seen_at, the newest or oldest row is kept and the others are history, not errors. Rows of equal time are
    ordered by a hash of their content, so that every run keeps the same row.
    """
    if source.key:
        return keep_first(profiles, "user_id", []), duplicates([profiles], source.key, [])
    return keep_by(profiles.good, "user_id", source.keep), None


def users_table(profiles: DataFrame | None, ids: DataFrame, fields: Fields) -> DataFrame:
    """as_of, user_id and the profile columns: one snapshot for all dates.

    Args:
        profiles: one row per user with the profile columns; None: nobody has a profile.
        ids: user_id of the logs, repeated or not; a user without a profile has nulls.
    """
    known = ids.select("user_id").distinct()
    users = known if profiles is None else known.join(profiles, "user_id", "full_outer")
    columns = [
        (F.col(name) if profiles is not None else F.lit(None)).cast(kind).alias(name)
        for name, kind in fields.profiles.items()
    ]
    return users.select(F.lit(ONE_SNAPSHOT).alias("as_of"), "user_id", *columns)
