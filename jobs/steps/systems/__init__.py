"""The look-alike systems: each prepares a scorer from the seeds of some items. No jobs themselves."""

from __future__ import annotations
