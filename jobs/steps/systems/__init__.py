"""The look-alike systems: each prepares a scorer from the seeds of some items."""

from __future__ import annotations
