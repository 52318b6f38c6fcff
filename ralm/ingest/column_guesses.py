"""Which column is the user, the item, the time and the click: by its name, and by what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ralm.ingest.click_columns import condition, says_clicks
from ralm.ingest.column_words import (
    ACTS,
    BESIDES,
    BIRTH,
    CLICK,
    DEED,
    DONE,
    ITEM,
    RATING,
    SHOWN,
    TIME,
    USER,
    is_of,
    named,
    words_of,
)
from ralm.ingest.looked import Guess, Looked
from ralm.ingest.value_kinds import EXCEL, is_clock, is_excel, is_flag, is_number, list_cut, time_format_of

BY_NAME, BESIDE = "by its name", "the column beside the item that repeats most"
UNNAMED = "no name says what it is, so look at it"
_PLACES = ("the first", "the second")
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
                not is_of(name, words[place]),
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

    def is_one(name: str) -> bool:
        return words_of(name)[-1:] == ["id"] and len(set(values[name])) == 1

    def alone(guess: Guess | None) -> Guess | None:
        return guess and Guess(guess.column, f"{guess.why}; it is '{values[guess.column][0]}' in all rows")

    def may_be_id(name: str) -> bool:
        return len(set(values[name])) > 1 and is_id(name) and not is_flag(values[name])

    def form(name: str) -> str | None:
        found = time_format_of(values[name])
        return EXCEL if found is None and named(name, TIME) is not None and is_excel(values[name]) else found

    formats = {name: None if name in looked.typed else form(name) for name in free}
    timed = [name for name in free if name in looked.typed or formats[name] is not None]
    timed = [name for name in timed if words_of(name)[-1:] != ["id"]] or timed
    timed = [name for name in timed if named(name, BIRTH) is None] or timed
    timed = [name for name in timed if gaps[name] <= 0.5] or timed
    user = by_name(USER, is_id) or alone(by_name(USER, is_one))
    item = by_name(ITEM, is_id) or looked.element or alone(by_name(ITEM, is_one))
    time = by_name(TIME, lambda name: name in timed)
    if time is None and (left := [name for name in timed if name in free]):
        time = Guess(left[-1], f"by its values ({formats[left[-1]] or 'timestamps'})")
        free.remove(left[-1])
    clock = None
    if time is not None and time.column not in looked.typed:
        whole = any(":" in v for v in values[time.column])
        whole = whole or (formats[time.column] or "").startswith(("epoch", "yyyyMMddH", EXCEL))
        if not whole and (hours := [name for name in free if is_clock(values[name])]):
            clock = Guess(hours[0], "the day, and the time of the day beside it")
            free.remove(hours[0])
    clicked = by_name(CLICK, lambda name: condition(name, looked.columns[name]) is not None)
    if clicked is not None and str(condition("", looked.columns[clicked.column])).endswith("<> ''"):
        clicked = Guess(clicked.column, f"{BY_NAME}; empty where there was none")
    rating = by_name(RATING, lambda name: _rates(values[name]))
    deed = by_name(DEED, lambda name: 1 < len(set(values[name])) <= 12 and not is_number(values[name][0]))
    if clicked is None and rating is None and deed is None:
        clicked = _by_content(free, values, says_clicks, "what was clicked, and what was not")
    if clicked is None and rating is None and deed is None:
        deed = _by_content(free, values, lambda found: _acts(found, only=True), "what was shown, and what was clicked")
    nameless = looked.options.get("header") == "false"
    # A named column that happens to hold yes and no, or small numbers, may be anything: a quantity, a paid account.
    if nameless and deed is None:
        deed = _by_content(free, values, _acts, "a few words for what was done")
    if nameless and clicked is None and rating is None and deed is None:
        clicked = _by_content(free, values, is_flag, "two values, yes and no")
        # Of several columns of small numbers, such as the ids of few users, the one with the fewest is the rating.
        if clicked is None and len([name for name in free if may_be_id(name)]) > 2:
            free.sort(key=lambda name: (len(set(values[name])), -order(name)))
            rating = _by_content(free, values, _rates, "few small numbers")
    ids = [name for name in free if may_be_id(name)]
    ids.sort(
        key=lambda name: (
            named(name, BESIDES) is not None,
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
    elif (
        user is None and item is None and time is not None and len(often := [n for n in ids if _repeats(values[n])]) > 1
    ):
        first_two = sorted(often[:2], key=order)
        user, item = (
            Guess(name, f"{place} column that repeats: {UNNAMED}")
            for name, place in zip(first_two, _PLACES, strict=True)
        )
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


def _acts(values: list[str], *, only: bool = False) -> bool:
    """Whether the values are words for what was done; `only`: showing and clicking are among them, and nothing else."""
    found = set(values)
    words = [set(words_of(value)) for value in found]
    if not 1 < len(found) <= 12 or is_number(values[0]):
        return False
    if only:
        every = set[str]().union(*words)
        return all(one & ACTS for one in words) and bool(every & DONE) and bool(every & SHOWN)
    return any(one & ACTS for one in words)


def _rates(values: list[str]) -> bool:
    found = {float(value) for value in values if is_number(value)}
    return (
        1 < len(found) <= 21
        and all(map(is_number, values))
        and min(found) >= 0
        and 2 < max(found) <= 100
        and all((2 * value).is_integer() for value in found)
    )


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
