"""All sources of a configuration: each read and mapped, with what is wrong with any of them in one message."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from pyspark.sql import SparkSession

from ralm.config import Config, Ingest, Source
from ralm.errors import RalmError
from ralm.ingest.items import item_targets
from ralm.ingest.logs import complete_events, complete_impressions, event_targets, impression_targets
from ralm.ingest.mapping import Mapped, Target, map_source
from ralm.ingest.quarantine import read_once
from ralm.ingest.read import read_source
from ralm.ingest.sampling import Sample
from ralm.ingest.users import user_targets
from ralm.spark.errors import user_errors
from ralm.warehouse.forgotten import Forgotten


@dataclass(frozen=True)
class Sources:
    """The mapped sources of a configuration, by what they hold."""

    users: Mapped | None
    items: Mapped | None
    events: list[Mapped]
    impressions: list[Mapped]

    def all(self) -> list[Mapped]:
        """Every source."""
        return [m for m in (self.users, self.items, *self.events, *self.impressions) if m is not None]

    def changed(self, change: Callable[[Mapped], Mapped]) -> Sources:
        """The sources of users and what they did, changed; items stay."""
        users = None if self.users is None else change(self.users)
        return replace(
            self, users=users, events=[*map(change, self.events)], impressions=[*map(change, self.impressions)]
        )

    def logs(self) -> list[Mapped]:
        """Events and impressions."""
        return [*self.events, *self.impressions]


def by_hash(sources: Sources, settings: Ingest, seed: int) -> Sources:
    """The same rows on the sentinel days of their pairs."""
    events = [
        complete_events(mapped, source, seed, by_hash=True)
        for mapped, source in zip(sources.events, settings.events, strict=True)
    ]
    impressions = [
        complete_impressions(mapped, source, seed, by_hash=True)
        for mapped, source in zip(sources.impressions, settings.all_impressions, strict=True)
    ]
    return replace(sources, events=events, impressions=impressions)


def without_users(sources: Sources, gone: Forgotten) -> tuple[Sources, dict[str, int]]:
    """The sources without users who were forgotten, and by source how many rows they have there, if any."""
    with user_errors("ingest", {setting: text for one in sources.all() for setting, text in one.expressions.items()}):
        rows = {one.source: gone.among(one.rows).count() for one in sources.all() if one is not sources.items}
    left = sources.changed(lambda one: one.changed(gone.without))
    return left, {source: count for source, count in rows.items() if count}


def map_all(spark: SparkSession, config: Config, settings: Ingest, not_after: dt.datetime, notes: list[str]) -> Sources:
    """Read and map every source, each once; the problems of all sources make one error."""
    found, errors = map_sources(spark, config, settings, not_after, say=notes.append)
    if errors:
        raise type(errors[0])("; ".join(str(error) for error in errors)) from errors[0]
    named = {mapped.source: read_once(mapped) for mapped, *_ in found}
    events = [named[f"events[{number}]"] for number in range(len(settings.events))]
    shown = [mapped for name, mapped in named.items() if name.startswith("impressions")]
    return Sources(named.get("users"), named.get("items"), events, shown)


def map_sources(
    spark: SparkSession,
    config: Config,
    settings: Ingest,
    not_after: dt.datetime,
    sample: Callable[[], Sample | None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[tuple[Mapped, Source, Sample | None]], list[RalmError]]:
    """Read and map every source: those that can be mapped, and what is wrong with the others.

    Args:
        spark: the session.
        config: the configuration.
        settings: its section `ingest`.
        not_after: times after this (UTC) are 'future'.
        sample: called per source: which of its rows are read.
        say: gets what a person should know of the files.
    """
    errors: list[RalmError] = []
    found: list[tuple[Mapped, Source, Sample | None]] = []

    def add(
        source: Source,
        setting: str,
        targets: Callable[[], list[Target]],
        complete: Callable[[Mapped], Mapped] = lambda mapped: mapped,
        separator: str | None = None,
    ) -> None:
        chosen = sample()
        try:
            mapped = map_source(
                read_source(spark, source, config.data_root, setting, say, chosen),
                source,
                targets(),
                setting,
                not_after=not_after,
                separator=separator,
                markers=settings.null_markers,
            )
            found.append((complete(mapped), source, chosen))
        except RalmError as error:
            errors.append(error)

    uid, fields, seed = config.user_id_type, config.fields, config.seed
    ignored = config.privacy.excluded_fields
    if settings.users is not None:
        add(settings.users, "ingest.users", lambda: user_targets(settings.users, fields, uid, ignored))
    else:
        try:
            user_targets(None, fields, uid)
        except RalmError as error:
            errors.append(error)
    if (catalogue := settings.items) is not None:
        add(catalogue, "ingest.items", lambda: item_targets(catalogue), separator=catalogue.category_separator)
    for number, source in enumerate(settings.events):
        add(
            source,
            f"ingest.events[{number}]",
            partial(event_targets, source, uid),
            partial(complete_events, source=source, seed=seed),
        )
    for place, shown in enumerate(settings.all_impressions):
        setting = f"ingest.impressions[{place}]" if settings.more_impressions else "ingest.impressions"
        completed = partial(complete_impressions, source=shown, seed=seed)
        add(shown, setting, partial(impression_targets, shown, uid), completed)
    return found, errors
