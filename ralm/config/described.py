"""What a configuration need not say of the fields, because the mapped sources say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# The built-in world's domains and profiles (ralm/simulation).
WORLD = {
    "history": ["reading", "shopping", "search", "music"],
    "categorical": ["gender", "age_band", "city", "device", "channel"],
    "numeric": ["tenure_days", "activity_level"],
    "item_domains": ["reading"],
}


def described_fields(content: dict[str, Any]) -> dict[str, Any]:
    """The section `fields` with what follows from the sources; what cannot be told from them stays missing.

    history: every `domain` of the event sources. item_domains: the domains in which items are shown, as far as they
    are among these, or else the only one. strong_domain: the first item domain that is not excluded. categorical: the
    mapped columns of the users that `numeric` does not name.

    Args:
        content: a configuration as it was read, not checked yet.
    """
    given = content.get("fields")
    fields: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    ingest = content.get("ingest")
    if isinstance(content.get("simulate"), dict):
        if "categorical" not in fields and "numeric" not in fields:
            fields |= {name: WORLD[name] for name in ("categorical", "numeric")}
        for name in ("history", "item_domains"):
            fields.setdefault(name, WORLD[name])
    elif isinstance(ingest, dict):
        events = ingest.get("events")
        events = [events] if isinstance(events, dict) else events
        sources = [source for source in events if isinstance(source, dict)] if isinstance(events, list) else []
        domains = _texts(source.get("domain") for source in sources)
        if domains and len(domains) == len({str(source.get("domain")) for source in sources}):
            fields.setdefault("history", domains)
        listed = ingest.get("impressions")
        shown_in = [source for source in (listed if isinstance(listed, list) else [listed]) if isinstance(source, dict)]
        shown = _texts(source.get("domain") for source in shown_in)
        known = [domain for domain in shown if domain in domains] or (domains if len(domains) == 1 else [])
        if known:
            fields.setdefault("item_domains", known)
        if "categorical" not in fields:
            columns = _part(_part(ingest, "users"), "columns")
            given_numeric = fields.get("numeric")
            numeric = _texts(given_numeric) if isinstance(given_numeric, list) else []
            fields["categorical"] = [name for name in columns if name not in {"user_id", "seen_at", *numeric}]
    strong = _strong(fields, _part(content, "privacy").get("excluded_fields"))
    if strong is not None:
        fields.setdefault("strong_domain", strong)
    return fields


def _texts(values: Iterable[Any]) -> list[str]:
    """The names among the values, each once; what is no name is refused when the section is checked."""
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _strong(fields: dict[str, Any], excluded: Any) -> Any:
    """The first item domain that may be used, or else the first domain that may."""
    items, left_out = fields.get("item_domains"), excluded if isinstance(excluded, list) else []
    if not isinstance(items, list) or not items:
        return None
    if items[0] not in left_out:
        return items[0]
    history = fields.get("history")
    named = [one.get("domain") if isinstance(one, dict) else one for one in history or [] if one]
    return next((domain for domain in [*items, *named] if domain in named and domain not in left_out), items[0])


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}
