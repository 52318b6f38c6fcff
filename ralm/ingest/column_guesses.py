"""Which column is the user, the item, the time and the click: by its name, and by what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ralm.ingest.click_columns import condition
from ralm.ingest.looked import Guess, Looked
from ralm.ingest.value_kinds import is_clock, is_flag, is_number, list_cut, time_format_of

# Words of a name, most telling first.
USER = (
    "user", "customer", "visitor", "member", "reviewer", "client", "account", "person", "profile", "shopper", "buyer",
    "uid", "cookie", "device", "kunde", "utilisateur", "usuario", "usr", "cust", "msisdn", "subscriber", "nutzer",
    "benutzer", "besucher", "mitglied", "player", "listener", "viewer", "reader", "guest", "steam", "email", "mail",
    "phone", "session",
)  # fmt: skip
ITEM = (
    "item", "article", "product", "movie", "film", "asin", "sku", "news", "video", "track", "song", "book", "isbn",
    "content", "campaign", "creative", "ad", "listing", "hotel", "business", "poi", "page", "artikel", "produit",
    "iid", "aid", "pid", "mid", "post", "doc", "url", "offer", "game", "recipe", "goods", "produkt", "lied", "buch",
    "beitrag", "app", "restaurant", "venue", "beer", "anime", "episode", "podcast", "course", "ean", "gtin", "variant",
    "stock", "stockcode", "upc",
)  # fmt: skip
TIME = (
    "timestamp", "time", "datetime", "ts", "at", "date", "when", "day", "created", "datum", "fecha", "zeitpunkt",
    "zeit",
)  # fmt: skip
CLICK = (
    "clicked", "click", "label", "target", "converted", "conversion", "purchased", "bought", "liked", "response",
    "geklickt", "klick", "gekauft", "recommended", "voted", "favorite", "favourite", "watched", "played",
)  # fmt: skip
_RATING = ("rating", "stars", "score", "overall", "vote")
_DEED = ("event", "action", "type", "behavior", "behaviour", "activity", "interaction")
SHOWN = {"show", "shown", "impression", "impressions", "imp", "exposure", "display", "displayed", "served"}
DONE = {"click", "clicks", "clicked", "tap", "tapped", "open", "opened", "conversion", "purchase", "purchased", "buy"}
_ACTS = {*SHOWN, *DONE, "view", "cart", "login", "search", "like", "share", "play", "scroll", "order"}
# Words after which a name still means the thing itself: `user_id`, `customer number`.
_OF_IT = {"id", "ids", "key", "no", "nr", "num", "number", "nummer", "code", "hash", "uuid", "guid", "sha256"}
# Names of what comes again in a log and is no item: the order that it stands in, or how many of it there are.
_BESIDE = (
    "invoice", "order", "receipt", "transaction", "basket", "bill", "ticket", "rechnung", "bestellung", "bon", "beleg",
    "quantity", "qty", "menge", "price", "preis", "amount", "count", "zip", "plz", "postcode",
)  # fmt: skip
# Times that are nobody's deed.
_BIRTH = ("birth", "birthdate", "birthday", "dob", "geburt", "geburtsdatum", "naissance", "nacimiento")
# Some exports write the type behind the name: `user_id:token`, `at:float`.
_TYPED = re.compile(r":(token|token_seq|float|float_seq|string|str|int|integer|long|bigint|double|date|datetime)$")
BY_NAME, BESIDE = "by its name", "the column beside the item that repeats most"
# With so few rows, a single value may be an id.
_FEW = 20
# So few kinds of words in so many rows are ids only if no other column is: devices, apps. Yes and no never are.
_KINDS, _ROWS = 5, 100
# A share of empty cells that is worth a word, and that lets a fuller column go first.
GAPS = 0.01


@dataclass(frozen=True)
class Roles:
    """The columns of a file by what they seem to be; None: there is none.

    `time_format` is that of `time`; None: it needs none. `clock` is the time of the day where `time` has only days;
    `cut` is where cells of `item` that hold several ids are cut. `kinds` are the values of `deed`, the most frequent
    first; `flags` are further columns of yes and no.
    """

    user: Guess | None = None
    item: Guess | None = None
    time: Guess | None = None
    time_format: str | None = None
    clock: Guess | None = None
    cut: str | None = None
    clicked: Guess | None = None
    rating: Guess | None = None
    best: float = 0.0
    deed: Guess | None = None
    kinds: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def words_of(name: str) -> list[str]:
    """The words of a column's name, in small letters: `productName` has two, a type behind it is none."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", _TYPED.sub("", name))
    return [word.lower() for word in re.split(r"[\W\d_]+", parts) if word]


def named(name: str, words: tuple[str, ...]) -> int | None:
    """The place of the word that a name has; lower is more telling."""
    own = words_of(name)
    joined = "".join(own)
    for place, word in enumerate(words):
        if word in own or (len(word) > 3 and (joined.startswith(word) or joined.endswith((word, f"{word}id")))):
            return place
    return None


def _is_of(name: str, word: str) -> bool:
    """Whether a name means the thing itself (`user_id`, `userid`), and not something about it (`user_city`)."""
    own = words_of(name)
    after = own[len(own) - own[::-1].index(word) :] if word in own else ["".join(own).rpartition(word)[2]]
    return all(part in _OF_IT or part == "" for part in after) or own[-1] == "id"


def guess_roles(looked: Looked) -> Roles:
    """Guess the roles of a file's columns."""
    values = {name: [v for v in found if v is not None and v.strip()] for name, found in looked.columns.items()}
    free = [name for name, found in values.items() if found]
    order = list(looked.columns).index
    gaps = {name: 1 - len(values[name]) / max(1, len(found)) for name, found in looked.columns.items()}

    def by_name(words: tuple[str, ...], fits: Callable[[str], bool] = lambda name: True) -> Guess | None:
        found = [
            (
                _kinds(values[name]),
                not _is_of(name, words[place]),
                place,
                gaps[name] > GAPS,
                words_of(name)[-1:] != ["id"],
                order(name),
                name,
            )
            for name in free
            if (place := named(name, words)) is not None and fits(name)
        ]
        if not found:
            return None
        name = min(found)[-1]
        free.remove(name)
        return Guess(name, f"{BY_NAME}{_empty(gaps[name])}")

    def is_id(name: str) -> bool:
        """Whether the values may be ids: not one value, yes and no, dates or fractions (but `412.98` of an id)."""
        found, form = values[name], formats[name]
        if words_of(name)[-1:] != ["id"] and is_flag(found) and len(found) >= _ROWS:
            return False
        dated = name in looked.typed or (form is not None and not form.startswith("epoch"))
        several = len(set(found)) > 1 or len(found) < _FEW
        return several and not dated and (words_of(name)[-1:] == ["id"] or not _fraction(found))

    formats = {name: None if name in looked.typed else time_format_of(values[name]) for name in free}
    timed = [name for name in free if name in looked.typed or formats[name] is not None]
    timed = [name for name in timed if named(name, _BIRTH) is None] or timed
    timed = [name for name in timed if gaps[name] <= 0.5] or timed
    user = by_name(USER, is_id)
    item = by_name(ITEM, is_id) or looked.element
    time = by_name(TIME, lambda name: name in timed)
    if time is None and (left := [name for name in timed if name in free]):
        time = Guess(left[-1], f"by its values ({formats[left[-1]] or 'timestamps'})")
        free.remove(left[-1])
    clock = None
    if time is not None and time.column not in looked.typed:
        whole = any(":" in v for v in values[time.column])
        whole = whole or (formats[time.column] or "").startswith(("epoch", "yyyyMMddH"))
        if not whole and (hours := [name for name in free if is_clock(values[name])]):
            clock = Guess(hours[0], "the day, and the time of the day beside it")
            free.remove(hours[0])
    clicked = by_name(CLICK, lambda name: condition(name, looked.columns[name]) is not None)
    if clicked is not None and str(condition("", looked.columns[clicked.column])).endswith("<> ''"):
        clicked = Guess(clicked.column, f"{BY_NAME}; empty where there was none")
    rating = by_name(_RATING, lambda name: _rates(values[name]))
    deed = by_name(_DEED, lambda name: 1 < len(set(values[name])) <= 12 and not is_number(values[name][0]))
    nameless = looked.options.get("header") == "false"
    # A named column that happens to hold yes and no, or small numbers, may be anything: a quantity, a paid account.
    if nameless and deed is None:
        deed = _by_content(free, values, _acts, "a few words for what was done")
    if nameless and clicked is None and rating is None and deed is None:
        clicked = _by_content(free, values, is_flag, "two values, yes and no")
        rating = None if clicked else _by_content(free, values, _rates, "few small numbers")
    ids = [name for name in free if len(set(values[name])) > 1 and is_id(name) and not is_flag(values[name])]
    ids.sort(
        key=lambda name: (
            named(name, _BESIDE) is not None,
            words_of(name)[-1:] != ["id"],
            gaps[name] > GAPS,
            not _repeats(values[name]),
            order(name),
        )
    )
    if user is None and item is None and nameless:
        first_two = sorted(ids[:2], key=order)
        user = Guess(first_two[0], "the first column that repeats") if first_two else None
        item = Guess(first_two[1], "the second column that repeats") if len(first_two) > 1 else None
    elif user is None and item is not None and ids:
        user = Guess(ids[0], BESIDE)
    elif item is None and user is not None and time is not None and ids:
        item = Guess(ids[0], "the column beside the user that repeats most")
    best = max((float(v) for v in values[rating.column] if is_number(v)), default=0.0) if rating else 0.0
    kinds: tuple[str, ...] = ()
    if deed is not None:
        found = values[deed.column]
        kinds = tuple(sorted(set(found), key=lambda kind: (-found.count(kind), kind)))
    flags = tuple(name for name in free if len(set(values[name])) > 1 and is_flag(values[name]))
    return Roles(
        user,
        item,
        time,
        formats.get(time.column) if time else None,
        clock,
        list_cut(values[item.column]) if item else None,
        clicked,
        rating,
        best,
        deed,
        kinds,
        flags,
    )


def _empty(share: float) -> str:
    return f"; {share:.0%} of the rows have none, so they would go to quarantine" if share > GAPS else ""


def _by_content(
    free: list[str], values: dict[str, list[str]], fits: Callable[[list[str]], bool], why: str
) -> Guess | None:
    for name in free:
        if len(set(values[name])) > 1 and fits(values[name]):
            free.remove(name)
            return Guess(name, f"by its values ({why})")
    return None


def _acts(values: list[str]) -> bool:
    found = set(values)
    words = {word for value in found for word in words_of(value)}
    return 1 < len(found) <= 12 and not is_number(values[0]) and bool(words & _ACTS)


def _rates(values: list[str]) -> bool:
    found = {float(value) for value in values if is_number(value)}
    return 1 < len(found) <= 21 and all(map(is_number, values)) and min(found) >= 0 and 2 < max(found) <= 100


def _kinds(values: list[str]) -> bool:
    """Whether there are a few words in many rows."""
    kinds = set(values)
    few = len(kinds) < _KINDS and len(values) >= _ROWS
    return few and not any(character.isdigit() for value in kinds for character in value)


def _fraction(values: list[str]) -> bool:
    return any(is_number(value) and not float(value).is_integer() for value in values)


def _repeats(values: list[str]) -> bool:
    """Whether values come again, as ids of a log do."""
    return len(set(values)) < len(values)
