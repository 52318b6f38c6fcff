"""Which columns of a table of items are its id, and what people know the items by."""

from __future__ import annotations

from ralm.ingest.column_words import ITEM, USER, named, words_of
from ralm.ingest.looked import Guess, Looked
from ralm.ingest.value_kinds import is_number

# Words of a name, most telling first. Pictures come before addresses: `image_url` is a picture.
_IMAGE = ("image", "thumbnail", "cover", "picture", "poster", "photo", "thumb", "img", "bild")
_URL = ("url", "link", "href", "permalink", "uri")
_TITLE = ("title", "headline", "titel", "titre", "titulo")
_CATEGORIES = (
    "categories", "category", "genres", "genre", "topics", "topic", "tags", "section", "kategorie", "class",
)  # fmt: skip
_SEPARATORS = ("|", ";", ",")


def item_columns(looked: Looked) -> dict[str, Guess]:
    """Target of `ingest.items.columns` -> its column; empty: the file is no table of items.

    It is one if no column is named after a user, each row has an id of its own, and something names or describes the
    items: a title, an address, a picture or categories.
    """
    values = {name: [v for v in found if v is not None and v.strip()] for name, found in looked.columns.items()}
    free = [name for name, found in values.items() if found]
    if any(named(name, USER) is not None for name in free):
        return {}
    found: dict[str, Guess] = {}

    def take(target: str, words: tuple[str, ...]) -> None:
        # `title` before `original_title`
        told = [
            (place, len(words_of(name)), free.index(name), name)
            for name in free
            if (place := named(name, words)) is not None
        ]
        told = [one for one in told if target != "title" or not all(map(is_number, values[one[-1]]))]
        if told:
            found[target] = Guess(min(told)[-1], "by its name")
            free.remove(min(told)[-1])

    item = _id(free, values)
    if item is None:
        return {}
    free.remove(item)
    for target, words in (("image", _IMAGE), ("url", _URL), ("title", _TITLE), ("categories", _CATEGORIES)):
        take(target, words)
    lists = [name for name in looked.lists if named(name, _CATEGORIES) is not None]
    if "categories" not in found and lists:
        found["categories"] = Guess(lists[0], "by its name")
    if "title" not in found and (name := next((name for name in free if _is_name(name)), None)) is not None:
        found["title"] = Guess(name, "by its name")
    order = ("title", "url", "image", "categories")
    why = "by its name; a value of its own in every row"
    return (
        {"item_id": Guess(item, why), **{target: found[target] for target in order if target in found}} if found else {}
    )


def separator_of(name: str, values: list[str | None]) -> str | None:
    """What divides the categories of a text; None: each row has one."""
    if name.endswith(":token_seq"):
        return " "
    known = [value for value in values if value]
    return next((one for one in _SEPARATORS if sum(one in value for value in known) >= 0.05 * max(1, len(known))), None)


def _id(free: list[str], values: dict[str, list[str]]) -> str | None:
    """The column of ids: `id`, or one named after an item, with a value of its own in every row."""
    unique = [name for name in free if len(set(values[name])) == len(values[name]) > 1]
    plain = next((name for name in unique if words_of(name) == ["id"]), None)
    ids = [
        name
        for name in unique
        if words_of(name)[-1:] == ["id"] or (words_of(name)[-1:] and name.lower().endswith("id"))
    ]
    told = [
        (place, name not in ids, free.index(name), name) for name in unique if (place := named(name, ITEM)) is not None
    ]
    own = [one for one in told if not one[1]]
    if own:
        return min(own)[3]
    return plain or (min(told)[3] if told else None)


def _is_name(name: str) -> bool:
    """`name`, `item name`, `productName`: the name of the item, and not of its author."""
    words = words_of(name)
    return "name" in words and all(word == "name" or word in ITEM for word in words)
