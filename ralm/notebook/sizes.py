"""How many users of an audience are asked for: by number, share, score, or a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ralm.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import Column


def asked(top: int | None, share: float | None, threshold: float | None, between: tuple[float, float] | None) -> Column:
    """The rows of a ranked audience (rank, score, percentile) that are asked for; arguments of `Workspace.audience`."""
    from pyspark.sql import functions as F

    if top is not None:
        return F.col("rank") <= top
    if threshold is not None:
        return F.col("score") >= threshold
    low, high = (0.0, share) if share is not None else between or (0.0, 1.0)
    # The percentile of rank r is 1 - (r - 1) / n: the best share s has 1 - percentile < s.
    passed = 1 - F.col("percentile")
    return (passed >= low - 1e-12) & (passed < high - 1e-12)


def check_size(
    item: str,
    kept: int,
    candidates: int,
    top: int | None,
    share: float | None,
    between: tuple[float, float] | None,
) -> None:
    """Refuse to give fewer users than were asked for as if they were all.

    Args:
        item: for the error.
        kept: users in the audience.
        candidates: users whom the audience was chosen from.
        top: as in `Workspace.audience`.
        share: as there.
        between: as there.

    Raises:
        ConfigError: more users than the audience keeps, or no shares.
    """
    if top is not None and top > kept:
        raise ConfigError(f"audience of '{item}': {top:,} users asked for, it keeps {kept:,}: raise scoring.audience")
    low, high = between if between is not None else (0.0, 0.0 if share is None else share)
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"audience of '{item}': shares go from 0 to 1, found {low:g} to {high:g}")
    if int(high * candidates) > kept:
        raise ConfigError(
            f"audience of '{item}': {high:.2%} of all users asked for, it keeps {kept / candidates:.2%}: "
            "raise scoring.audience"
        )
