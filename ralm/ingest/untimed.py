"""Logs without times: every (user, item) pair gets one of 100 sentinel days, by hash.

Events and impressions of a pair share its day, so that cutting the days into histories, seeds and labels cuts
the pairs into disjoint parts.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ralm.dates import SENTINEL_DAYS, SENTINEL_START


def sentinel_time(user_id: Column, item_id: Column, seed: int) -> Column:
    """Midnight (UTC) of the pair's day, from 1970-01-01 to 1970-04-10."""
    day = F.pmod(F.xxhash64(F.lit(seed), user_id, item_id), F.lit(SENTINEL_DAYS)).cast("int")
    return F.date_add(F.lit(SENTINEL_START), day).cast("timestamp")
