"""The page docs/configuration.md, made from the typed settings: `python -m ralm.config.page` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic.fields import FieldInfo

from ralm.config.load import Config
from ralm.config.page_words import bounds, default, described, escaped, rule, sentence, type_words
from ralm.config.place import Place
from ralm.config.section import Section
from ralm.config.sources import Join, Source

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
# Keys that several sections share, told once: class -> heading.
SHARED: dict[type[Section], str] = {
    Place: "Where rows lie",
    Source: "Every source",
    Join: "A joined file",
}
# Keys of which exactly one is required, by section.
EITHER: dict[type[Section], tuple[str, ...]] = {Place: ("path", "table")}
# Filled by reading a list under `impressions`, never written.
INTERNAL = {"ingest.more_impressions"}

INTRODUCTION = """\
# The configuration

<!-- Written by `python -m ralm.config.page` from ralm/config: change the settings there, not this page. -->

One YAML file per data set or deployment. An unknown key, a value out of its bounds, or two settings that contradict
each other are an error before anything runs. `--set section.key=value` sets a key for one run. A file has at most
1 MiB, and 50 levels of lists and mappings within each other.

A key whose default is `auto` follows from the data unless you give a value; the second column says by what rule, and
[the manual](manual.md#what-follows-from-the-data) shows what the rules give. `pipeline --dry-run` prints every key with
its value and the reason. Which settings are yours to decide: [settings that matter](settings.md).

A key without a default is required wherever its section is given. Two kinds of keys may be left out all the same:
sections, whose own keys have defaults, and the keys of `fields`, which follow from the mapped sources. How data are
mapped, with an example for each key: [your data](your-data.md).
"""


@dataclass(frozen=True)
class Part:
    """A section of the configuration: its dotted path, its class, and how many of it there are."""

    path: str
    section: type[Section]
    many: str


def sections(section: type[Section], path: str = "") -> Iterator[Part]:
    """All sections within a section, each before those within it."""
    for name, field in section.model_fields.items():
        inner = inner_section(field)
        where = f"{path}.{name}" if path else name
        if inner is not None and where not in INTERNAL and inner[0] not in SHARED:
            yield Part(where, inner[0], inner[1])
            yield from sections(inner[0], where)


def inner_section(field: FieldInfo) -> tuple[type[Section], str] | None:
    """The section that a key holds and how (once, in a list, by name); None: the key holds plain values."""
    kinds = [(field.annotation, "")]
    while kinds:
        kind, many = kinds.pop()
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind, many
        origin = getattr(kind, "__origin__", None)
        how = "as a list" if origin is list else "by name" if origin is dict else many
        kinds += [(inner, how) for inner in getattr(kind, "__args__", ())]
    return None


def page() -> str:
    """The whole page."""
    parts = list(sections(Config))
    overview = [f"- [`{part.path}`](#{_anchor(part.path)}): {escaped(sentence(part.section))}" for part in parts]
    top = _table("", Config, list(Config.model_fields))
    texts = [INTRODUCTION, "## All sections\n", "\n".join(overview) + "\n", "## Outside all sections\n", top]
    texts += [_keys(part.path, 2 + ("." in part.path), part.path, part.section, part.many) for part in parts]
    texts += [_keys(title, 2, "", section) for section, title in SHARED.items()]
    return "\n".join(texts)


def _anchor(heading: str) -> str:
    return heading.lower().replace(".", "").replace(" ", "-")


def _keys(heading: str, level: int, path: str, section: type[Section], many: str = "") -> str:
    """A section: what it is, and a table of the keys that it does not share with others."""
    paragraphs = [escaped(text) for text in described(section)]
    if many:
        paragraphs.append(f"Given {many}.")
    base = next((above for above in section.__mro__[1:] if issubclass(above, Section) and above in SHARED), None)
    if base is not None:
        paragraphs.append(f"Beside the keys below, all of [{SHARED[base].lower()}](#{_anchor(SHARED[base])}).")
    own = [name for name in section.model_fields if base is None or name not in base.model_fields]
    return "\n\n".join([f"{'#' * level} {heading}", *paragraphs, _table(path, section, own)])


def _table(path: str, section: type[Section], names: list[str]) -> str:
    lines: list[tuple[str, ...]] = [("key", "what it is", "type", "default", "bounds"), ("---",) * 5]
    for name in names:
        field = section.model_fields[name]
        where = f"{path}.{name}" if path else name
        inner = inner_section(field)
        if where in INTERNAL or (inner is not None and section is Config):
            continue
        if inner is None:
            kind, text = type_words(field), field.description or ""
        else:
            kind = f"[{inner[1].removeprefix('as ') or 'a section'}](#{_anchor(SHARED.get(inner[0], where))})"
            text = field.description or sentence(inner[0])
        by = rule(where, field)
        text = f"{text}{'. ' if text and by else ''}{by}"
        either = " or ".join(f"`{key}`" for key in EITHER.get(section, ()))
        value = f"either {either}" if name in EITHER.get(section, ()) else default(field)
        lines.append((f"`{name}`", escaped(text), kind, value, bounds(field)))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
