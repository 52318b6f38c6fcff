"""The built-in world: its log, and how it goes on."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from ralm.config.section import Section


class Live(Section):
    """How the built-in world continues after its log."""

    policies: list[Literal["lookalike", "popularity", "profile"]] = Field(
        default=["lookalike", "popularity"],
        min_length=1,
        description="each fills the feed of its own share of the users; profile: by the categories that a user clicked",
    )
    leftover: Literal["none", "profile"] = Field(
        default="none", description="what fills the slots for which the look-alike policy has no item"
    )
    items: int = Field(default=2, ge=1, le=1_000, description="items published per round")
    older: int = Field(default=0, ge=0, le=10_000, description="items from the end of the log that are shown as well")
    window: int = Field(default=12, ge=1, le=1_000, description="newest items that are shown")
    visits: float = Field(default=0.25, gt=0, le=1, description="share of the users who come per round")
    slots: int = Field(default=2, ge=1, le=100, description="items shown per visitor")
    explore: float = Field(default=0.2, ge=0, le=1, description="share of slots filled at random, under every policy")


class Simulate(Section):
    """The built-in world: a feed with known click probabilities, from per-key hashes."""

    users: int = Field(default=20_000, ge=1_000, le=1_000_000_000, description="users of the world")
    items: int = Field(default=1_500, ge=50, le=10_000_000, description="items published before and during the log")
    days: int = Field(default=20, ge=4, le=3650, description="days of the impression log")
    start: dt.date = Field(default=dt.date(2024, 1, 1), description="first day of the impression log")
    history_days: int = Field(
        default=10, ge=0, le=365, description="days before the log in which people already read, shop and search"
    )
    topics: int = Field(default=40, ge=2, le=512, description="latent interests")
    impressions_per_user: float = Field(
        default=160, gt=0, le=100_000, description="mean over the log, before repeats of (user, item) are dropped"
    )
    behaviour_events: float = Field(
        default=20, gt=0, le=100_000, description="mean shopping events per user; the other domains in proportion"
    )
    features_per_topic: int = Field(
        default=10, ge=1, le=100_000, description="things to buy, search for, listen to, per topic and domain"
    )
    popularity_exponent: float = Field(
        default=1.1, ge=0, le=5, description="an item's exposure falls as rank^-this among items of the same age"
    )
    age_exponent: float = Field(default=0.5, ge=0, le=5, description="exposure falls as (days since publication)^-this")
    lifetime_days: float = Field(default=20, ge=1, le=3650, description="items older than this are not shown")
    cold_share: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="share of users new to the feed: they shop and search, but read nothing until they arrive, in "
        "the later part of the log or after it",
    )
