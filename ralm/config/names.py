"""Names of the two systems that production scores with."""

from __future__ import annotations

SYSTEM, COLD_START = "ralm", "cold_start"
