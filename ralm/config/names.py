"""Names and numbers that writers and readers of the tables share."""

from __future__ import annotations

# The two systems that production scores with.
SYSTEM, COLD_START = "ralm", "cold_start"
# `audiences.item_bucket` of your own lists: a partition that no nightly run replaces, and no release holds.
LIST_BUCKET = -1
