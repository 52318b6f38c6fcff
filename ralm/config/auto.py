"""Settings that follow from the data: what the configuration does not give takes the value of its rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ralm.config.counts import DataCounts, DomainCounts
from ralm.config.load import Config
from ralm.config.rules import EARLIER_CLICKS, LENGTHS, LONGEST, PER_CLICK, RULES, WHOLE_BELOW
from ralm.config.section import Section
from ralm.config.sources import Ingest, SampledNegatives

UNKNOWN = "set when the data are read"
ALWAYS = "the same for all sizes"


@dataclass(frozen=True)
class Choice:
    """A value that the data chose for a key, and why."""

    key: str
    value: Any
    why: str


def sampled_negatives(ingest: Ingest, clicks: int, *, untimed: bool) -> SampledNegatives:
    """How non-clicks are sampled: fewer per click the more clicks there are, finer where all share one bucket."""
    settings = ingest.sampled_negatives
    found = {"per_click": PER_CLICK(clicks), "slots": 100_000 if untimed else 10_000}
    return settings.model_copy(update={key: found[key] for key in settings.auto_keys})


def choices(config: Config, counts: DataCounts | None) -> list[Choice]:
    """What the data choose for every key that the configuration does not give.

    Args:
        config: as it was given.
        counts: None: the data were not read yet; only what the configuration itself decides is chosen.
    """
    config = config.without_excluded()
    found = _by_configuration(config, counts)
    if counts is not None:
        found += _lengths(config, counts)
        for key, rule in RULES.items():
            if is_auto(config, key):
                count = rule.measure(config, counts)
                found.append(Choice(key, rule.value(count), f"{count:,} {rule.by}" if rule.by else ALWAYS))
    return found


def _by_configuration(config: Config, counts: DataCounts | None) -> list[Choice]:
    """The objective and what follows from it, the representations, and how non-clicks are sampled and judged."""
    found = []
    sampled = config.ingest is not None and "clicked" not in config.ingest.impressions.columns
    objective = config.objective
    if is_auto(config, "objective"):
        objective = "audience" if sampled else "feed"
        found.append(Choice("objective", objective, "non-clicks are sampled" if sampled else "real non-clicks"))
    for key in ("lookalike.user_bias", "lookalike.logq"):
        if is_auto(config, key):
            found.append(Choice(key, True, f"objective {objective}"))
    if is_auto(config, "lookalike.clicked_cap") and (objective == "feed" or counts is not None):
        cap = EARLIER_CLICKS(counts.users) if objective == "audience" and counts is not None else 0
        found.append(Choice("lookalike.clicked_cap", cap, f"objective {objective}"))
    if is_auto(config, "user_model.representations"):
        found.append(_representations(config, counts))
    untimed = config.ingest is not None and not config.ingest.timed
    if is_auto(config, "comparison.window"):
        found.append(Choice("comparison.window", "all" if untimed else "later", "no times" if untimed else "times"))
    if config.ingest is not None and sampled and counts is not None:
        resolved = sampled_negatives(config.ingest, counts.clicks, untimed=untimed)
        found += [
            Choice(f"ingest.sampled_negatives.{key}", getattr(resolved, key), f"{counts.clicks:,} clicks")
            for key in config.ingest.sampled_negatives.auto_keys
        ]
    return found


def _representations(config: Config, counts: DataCounts | None) -> Choice:
    """The strong domain, and below 10^8 users the next largest one in which at least half of the active users act."""
    strong, key = config.fields.strong_domain, "user_model.representations"
    if counts is None or counts.users >= 1e8:
        return Choice(key, [strong], "the strong domain")
    sizes = {f.domain: counts.domains[f.domain].users for f in config.fields.history if f.domain in counts.domains}
    others = [domain for domain in sizes if domain != strong and 2 * sizes[domain] >= counts.active]
    second = sorted(others, key=lambda domain: -sizes[domain])[:1]
    return Choice(key, [strong, *second], "the strong domain, and another one with half of the active users")


def _lengths(config: Config, counts: DataCounts) -> list[Choice]:
    found = []
    longest = LONGEST(counts.users)
    for field in config.fields.history:
        if "length" in field.auto_keys:
            found_in = counts.domains.get(field.domain, DomainCounts(0, 0, 0))
            whole = counts.users < WHOLE_BELOW and found_in.most > 0
            entries = found_in.most if whole else found_in.entries
            length = next((length for length in LENGTHS if length >= min(entries, longest)), longest)
            why = f"{entries:,} entries per user, {'99.9th' if whole else '95th'} percentile"
            found.append(Choice(f"fields.history.{field.domain}.length", length, why))
    return found


def _section(config: Config, key: str) -> tuple[Section | None, str]:
    """The section that holds a key, and the key's own name."""
    *names, last = key.split(".")
    section: Any = config
    for name in names:
        section = getattr(section, name)
        if section is None:
            return None, last
    return section, last


def is_auto(config: Config, key: str) -> bool:
    """Whether a key is left to the data."""
    section, last = _section(config, key)
    return section is not None and last in section.auto_keys


def pending(config: Config) -> list[str]:
    """The keys that counts decide and the configuration does not give."""
    config = config.without_excluded()
    lengths = [f"fields.history.{f.domain}.length" for f in config.fields.history if "length" in f.auto_keys]
    counted = [key for key in (*RULES, "user_model.representations") if is_auto(config, key)]
    objective = next((c.value for c in _by_configuration(config, None) if c.key == "objective"), config.objective)
    caps = ["lookalike.clicked_cap"] if objective == "audience" and is_auto(config, "lookalike.clicked_cap") else []
    return lengths + counted + caps


def resolve(config: Config, counts: DataCounts | None, *, untimed: bool = False) -> Config:
    """The configuration with every key that was left to the data as a value, without the excluded fields.

    Args:
        config: as it was given; what it gives stays.
        counts: None: the data were not read yet; keys that need counts keep the sections' plain defaults.
        untimed: whether the log's times were dropped when it was read.
    """
    config = config.without_excluded()
    if untimed and config.ingest is not None:
        config = _with(config, ["ingest", "untimed"], True)
    for choice in choices(config, counts):
        config = _with(config, choice.key.split("."), choice.value)
    return config


def _with(section: Any, path: Sequence[str], value: Any) -> Any:
    """The section with one key replaced, at any depth; a history field goes by its domain."""
    name, *rest = path
    if not rest:
        return section.model_copy(update={name: value})
    inner = getattr(section, name)
    if isinstance(inner, list):
        changed: Any = [_with(f, rest[1:], value) if f.domain == rest[0] else f for f in inner]
    else:
        changed = _with(inner, rest, value)
    return section.model_copy(update={name: changed})


def written(config: Config, counts: DataCounts | None) -> dict[str, Any]:
    """The resolved configuration as YAML would have it, `auto` for what waits for the data."""
    content = resolve(config, counts).model_dump(mode="json")
    for key in pending(config) if counts is None else ():
        *names, last = key.split(".")
        if names[:2] == ["fields", "history"]:
            next(field for field in content["fields"]["history"] if field["domain"] == names[2])[last] = "auto"
            continue
        section = content
        for name in names:
            section = section[name]
        section[last] = "auto"
    return content


def explain(config: Config, counts: DataCounts | None) -> list[str]:
    """A line per key that is left to the data: its value and why."""
    waiting = pending(config) if counts is None else []
    found = [choice for choice in choices(config, counts) if choice.key not in waiting]
    lines = [f"{choice.key} = {json.dumps(choice.value)} (auto: {choice.why})" for choice in found]
    return lines + [f"{key} = auto ({UNKNOWN})" for key in waiting]
