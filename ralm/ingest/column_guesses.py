"""Which column is the user, the item, the time and the click: by its name, and by what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ralm.ingest.sniff import Looked
from ralm.ingest.value_kinds import is_flag, is_number, time_format_of

# Words of a name, most telling first.
USER = (
    "user", "customer", "visitor", "member", "reviewer", "client", "account", "person", "profile", "shopper", "buyer",
    "uid", "cookie", "device", "kunde", "utilisateur", "usuario", "usr", "cust", "msisdn", "subscriber", "session",
)  # fmt: skip
ITEM = (
    "item", "article", "product", "movie", "film", "asin", "sku", "news", "video", "track", "song", "book", "isbn",
    "content", "campaign", "creative", "ad", "listing", "hotel", "business", "poi", "page", "artikel", "produit", "iid",
    "aid", "pid", "mid", "post", "doc", "url", "offer", "game", "recipe", "goods",
)  # fmt: skip
_TIME = ("timestamp", "time", "datetime", "ts", "at", "date", "when", "day", "created", "datum", "fecha")
_CLICK = ("clicked", "click", "label", "target", "converted", "conversion", "purchased", "bought", "liked", "response")
_RATING = ("rating", "stars", "score", "overall", "vote")
_DEED = ("event", "action", "type", "behavior", "behaviour", "activity", "interaction")
SHOWN = ("show", "shown", "impression", "imp", "exposure", "display", "served")
DONE = ("click", "clicked", "tap", "open", "conversion", "purchase", "buy")


@dataclass(frozen=True)
class Guess:
    """A column and why it was taken."""

    column: str
    why: str


@dataclass(frozen=True)
class Roles:
    """The columns of a file by what they seem to be; None: there is none.

    `time_format` is that of `time`; None: it needs none. `kinds` are the values of `deed`, the most frequent
    first; `flags` are further columns of yes and no.
    """

    user: Guess | None = None
    item: Guess | None = None
    time: Guess | None = None
    time_format: str | None = None
    clicked: Guess | None = None
    rating: Guess | None = None
    best: float = 0.0
    deed: Guess | None = None
    kinds: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def words_of(name: str) -> list[str]:
    """The words of a column's name, in small letters: `productName` has two."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z]+", parts) if word]


def named(name: str, words: tuple[str, ...]) -> int | None:
    """The place of the word that a name has; lower is more telling."""
    own = words_of(name)
    joined = "".join(own)
    for place, word in enumerate(words):
        if word in own or (len(word) > 3 and (joined.startswith(word) or joined.endswith((word, f"{word}id")))):
            return place
    return None


def guess_roles(looked: Looked) -> Roles:
    """Guess the roles of a file's columns."""
    values = {name: [v for v in found if v is not None and v.strip()] for name, found in looked.columns.items()}
    free = [name for name, found in values.items() if found]

    def by_name(words: tuple[str, ...], fits: object = None) -> Guess | None:
        found = [(place, name) for name in free if (place := named(name, words)) is not None]
        found = [(place, name) for place, name in found if fits is None or fits(name)]  # type: ignore[operator]
        if not found:
            return None
        name = min(found, key=lambda pair: (pair[0], "id" not in words_of(pair[1])[-1:], free.index(pair[1])))[1]
        free.remove(name)
        return Guess(name, "by its name")

    formats = {name: None if name in looked.typed else time_format_of(values[name]) for name in free}
    timed = [name for name in free if name in looked.typed or formats[name] is not None]
    user = by_name(USER)
    item = by_name(ITEM)
    time = by_name(_TIME, lambda name: name in timed)
    if time is None and (left := [name for name in timed if name in free]):
        time = Guess(left[-1], f"by its values ({formats[left[-1]] or 'timestamps'})")
        free.remove(left[-1])
    clicked = by_name(_CLICK, lambda name: is_flag(values[name]))
    rating = by_name(_RATING, lambda name: _rates(values[name]))
    deed = by_name(_DEED, lambda name: 1 < len(set(values[name])) <= 12 and not is_number(values[name][0]))
    nameless = looked.options.get("header") == "false"
    # A named column that happens to hold yes and no, or small numbers, may be anything: a quantity, a paid account.
    if nameless and clicked is None and rating is None and deed is None:
        clicked = _by_content(free, values, is_flag, "two values, yes and no")
        rating = None if clicked else _by_content(free, values, _rates, "few small numbers")
    ids = [name for name in free if len(set(values[name])) > 1 and not _fraction(values[name])]
    ids.sort(key=lambda name: (-_repeats(values[name]), looked.columns and list(looked.columns).index(name)))
    if user is None and item is None and nameless:
        first_two = sorted(ids[:2] if len(ids) >= 2 else ids, key=list(looked.columns).index)
        user = Guess(first_two[0], "the first column that repeats") if first_two else None
        item = Guess(first_two[1], "the second column that repeats") if len(first_two) > 1 else None
    elif user is None and item is not None and ids:
        user = Guess(ids[0], "the column beside the item that repeats most")
    elif item is None and user is not None and time is not None and ids:
        item = Guess(ids[0], "the column beside the user that repeats most")
    best = max((float(v) for v in values[rating.column] if is_number(v)), default=0.0) if rating else 0.0
    kinds: tuple[str, ...] = ()
    if deed is not None:
        found = values[deed.column]
        kinds = tuple(sorted(set(found), key=lambda kind: (-found.count(kind), kind)))
    flags = tuple(name for name in free if len(set(values[name])) > 1 and is_flag(values[name]))
    return Roles(
        user, item, time, formats.get(time.column) if time else None, clicked, rating, best, deed, kinds, flags
    )


def _by_content(free: list[str], values: dict[str, list[str]], fits: object, why: str) -> Guess | None:
    for name in free:
        if len(set(values[name])) > 1 and fits(values[name]):  # type: ignore[operator]
            free.remove(name)
            return Guess(name, f"by its values ({why})")
    return None


def _rates(values: list[str]) -> bool:
    found = {float(value) for value in values if is_number(value)}
    return 1 < len(found) <= 21 and all(map(is_number, values)) and min(found) >= 0 and 2 < max(found) <= 100


def _fraction(values: list[str]) -> bool:
    return any(is_number(value) and not float(value).is_integer() for value in values)


def _repeats(values: list[str]) -> bool:
    """Whether values come again, as ids of a log do."""
    return len(set(values)) < len(values)
