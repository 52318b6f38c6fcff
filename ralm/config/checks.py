"""What a configuration's sections must agree on, found when it is read: domains, names, sources, paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ralm.config.described import WORLD
from ralm.config.load import Config
from ralm.config.locations import absolute

# Columns that the tables of users and items have themselves, or that stand for another thing while they are made.
USER_COLUMNS = ("as_of", "user_id", "seen_at", "vocabulary_version", "embedding", "numeric")
ITEM_COLUMNS = ("item_id", "published_at", "categories", "title", "url", "image")
# What is compared without being a system of every configuration; the registry of systems refuses their other names.
RESERVED = ("youtube_dnn", "cold_start", "oracle", "chance")


def problems(config: Config) -> list[str]:
    """What contradicts itself, each with its place; empty if nothing does."""
    found = [*_domains(config), *_profiles(config), *_excluded(config), *_names(config)]
    return [*found, *_item_columns(config), *_loader_paths(config)]


def _excluded(config: Config) -> list[str]:
    """Excluded fields that there are not."""
    fields, ingest = config.fields, config.ingest
    known = [*[field.domain for field in fields.history], *fields.profiles, *fields.item_domains]
    if ingest is None:
        known += [*WORLD["history"], *WORLD["categorical"], *WORLD["numeric"]]
    else:
        known += [source.domain for source in ingest.events if source.domain]
        known += [name for name in (ingest.users.columns if ingest.users else {}) if name not in ("user_id", "seen_at")]
        if not all(source.domain for source in ingest.events):
            return []  # a source with a column of domains may have any
    return [
        f"privacy.excluded_fields: there is no field '{name}'{_close(name, known)}; known: "
        f"{', '.join(dict.fromkeys(known))}"
        for name in config.privacy.excluded_fields
        if name not in known
    ]


def _close(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name.lower(), [k.lower() for k in names], 1, 0.7)
    meant = next((k for k in names if near and k.lower() == near[0]), None)
    return f" (meant: '{meant}'?)" if meant else ""


def _domains(config: Config) -> list[str]:
    """History fields and item domains that no source fills."""
    history = [field.domain for field in config.fields.history]
    found = []
    if config.ingest is None:
        known, where = list(WORLD["history"]), "the built-in world has"
        listed = True
    else:
        known = list(dict.fromkeys(source.domain for source in config.ingest.events if source.domain))
        # A source with a column of domains may have any; ingest looks at what is there.
        listed = all(source.domain for source in config.ingest.events)
        where = "the domains of ingest.events are"
    if listed:
        for domain in history:
            if domain not in known:
                found.append(
                    f"fields.history: no source fills '{domain}'{_close(domain, known)}; {where} {', '.join(known)}"
                )
    every = list(dict.fromkeys([*known, *history]))
    for domain in config.fields.item_domains:
        if domain not in every:
            found.append(
                f"fields.item_domains: '{domain}' is neither a domain of a source nor a history field"
                f"{_close(domain, every)}; known: {', '.join(every)}"
            )
    if config.ingest is not None:
        for shown in {source.domain: None for source in config.ingest.all_impressions}:
            for domain in every:
                if domain.lower() == shown.lower() and domain != shown:
                    found.append(f"ingest.impressions.domain: '{shown}' and the events' '{domain}' differ in case only")
    return found


def _profiles(config: Config) -> list[str]:
    """Profile fields that no source fills."""
    wanted = list(config.fields.profiles)
    if config.ingest is None:
        known = [*WORLD["categorical"], *WORLD["numeric"]]
        return [
            f"fields: '{name}' is no column of the built-in world's users{_close(name, known)}; "
            f"known: {', '.join(known)}"
            for name in wanted
            if name not in known
        ]
    if config.ingest.users is None:
        if not wanted:
            return []
        return [
            f"fields.categorical, fields.numeric: {', '.join(wanted)} would come from ingest.users, which is left out"
        ]
    mapped = [name for name in config.ingest.users.columns if name not in ("user_id", "seen_at")]
    found = [
        f"fields: no source fills '{name}'{_close(name, mapped)}; map it in ingest.users.columns, "
        f"which has {', '.join(mapped) or 'no field'}"
        for name in wanted
        if name not in mapped
    ]
    found += [
        f"ingest.users.columns.{name}: mapped but not a field{_close(name, wanted)}; name it in fields.categorical or "
        "fields.numeric, or leave it out"
        for name in mapped
        if name not in wanted and name not in config.privacy.excluded_fields
    ]
    return found


def _names(config: Config) -> list[str]:
    """Names that collide, in whatever case (columns and folders do not tell them apart), or are reserved."""
    fields = config.fields
    sources = [] if config.ingest is None else [source.domain for source in config.ingest.events if source.domain]
    domains = list(dict.fromkeys([*[field.domain for field in fields.history], *fields.item_domains, *sources]))
    profiles = list(fields.profiles)
    found = [
        *_twice("fields.item_domains", fields.item_domains),
        *_twice("user_model.representations", config.user_model.representations),
        *_twice("user_model.stacked", config.user_model.stacked),
        *_twice("comparison.protocols", config.comparison.protocols),
        *_twice("comparison.seeds", map(str, config.comparison.seeds)),
        *_twice("live.policies", config.live.policies),
        *_twice("privacy.excluded_fields", config.privacy.excluded_fields),
        *_twice("variants", config.variants),
        *_twice("domains (fields.history, fields.item_domains, ingest.events)", domains),
        *_twice("fields", [*[field.domain for field in fields.history], *profiles]),
    ]
    if isinstance(config.comparison.systems, list):
        found += _twice("comparison.systems", config.comparison.systems)
    if isinstance(config.publish.require, list):
        found += _twice("publish.require", config.publish.require)
    for name in profiles:
        if name.lower() in USER_COLUMNS:
            found.append(f"fields: '{name}' is a column of the tables themselves; give the field another name")
    for name in domains:
        if name.lower() in USER_COLUMNS:
            found.append(f"domain '{name}' is a column of the tables themselves; give it another name")
    for name in config.variants:
        if name.lower() in RESERVED or (name.lower() == "ralm" and name != "ralm"):
            found.append(f"variants: '{name}' is the name of another system; give the variant another name")
    return found


def _twice(where: str, names: Iterable[str]) -> list[str]:
    seen: dict[str, str] = {}
    found = []
    for name in names:
        key = name.lower()
        if key in seen:
            said = (
                f"'{name}' is named twice" if seen[key] == name else f"'{seen[key]}' and '{name}' differ in case only"
            )
            found.append(f"{where}: {said}")
        seen.setdefault(key, name)
    return found


def _item_columns(config: Config) -> list[str]:
    """Numeric features of items become columns of `items`."""
    if config.ingest is None or config.ingest.items is None:
        return []
    names = list(config.ingest.items.columns)
    found = _twice("ingest.items.columns", names)
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            found.append(f"ingest.items.columns: '{name}' is no name for a column; use letters, digits and _")
        elif name.lower() in (*ITEM_COLUMNS, "first_seen") and name not in ITEM_COLUMNS:
            found.append(f"ingest.items.columns: '{name}' is a reserved name; known are {', '.join(ITEM_COLUMNS)}")
    return found


def _loader_paths(config: Config) -> list[str]:
    """petastorm takes paths for URLs, in which '?' and '#' end a path."""
    sections = {"user_training": config.user_training, "lookalike_training": config.lookalike_training}
    asked = [f"{name}.loader" for name, section in sections.items() if section.loader == "petastorm"]
    path = absolute(config.warehouse_path)
    if asked and (mark := next((mark for mark in "?#" if mark in path), None)):
        return [
            f"warehouse {path}: petastorm ({', '.join(asked)}) cannot read paths with '{mark}'; set loader: pyarrow or "
            "give another path"
        ]
    return []
