"""Which of the files that a person has are logs, which describe items, and which complete others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ralm.errors import DataError
from ralm.ingest.column_guesses import BESIDE, BY_NAME, Roles, guess_roles
from ralm.ingest.column_words import ITEM, named, words_of
from ralm.ingest.expressions import ELEMENT
from ralm.ingest.item_columns import item_columns
from ralm.ingest.looked import Guess, Looked, exploded


@dataclass(frozen=True)
class Joined:
    """A file in which the rows of another are looked up, and the columns it gives them."""

    file: SuggestedFile
    on: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SuggestedFile:
    """A file, with what its columns seem to be.

    `path` is relative to `data_root`; `described` are the columns of a table of items, empty if it is none.
    """

    looked: Looked
    roles: Roles
    path: str
    described: dict[str, Guess]
    join: Joined | None = None

    @property
    def is_log(self) -> bool:
        """Whether its rows say what users did to items."""
        return self.roles.user is not None and self.roles.item is not None and not self.described

    @property
    def named_user(self) -> bool:
        """Whether its user is more than the column that is left."""
        return self.roles.user is not None and self.roles.user.why != BESIDE

    @property
    def named_item(self) -> bool:
        """Whether a name says what its item is."""
        return self.roles.item is not None and self.roles.item.why.startswith(BY_NAME)


@dataclass(frozen=True)
class Choice:
    """What the files are used for; `left` has those that are not, with the reason."""

    logs: list[SuggestedFile]
    catalogue: SuggestedFile | None
    left: list[tuple[SuggestedFile, str]]


def choose(found: Sequence[Looked], root: str) -> Choice:
    """Sort the files.

    A log is a file with a user and an item, of its own or by a column that it shares with a file that has the user.
    Where some files name their user, one that does not is no log; where some have times, one without is none.

    Raises:
        DataError: no log is among them.
    """
    files = [_suggested(looked, root) for looked in found]
    joined = {id(file): with_user(file, files) for file in files}
    used = {id(file.join.file) for file in joined.values() if file.join is not None}
    files = [joined[id(file)] for file in files if id(file) not in used]
    left: list[tuple[SuggestedFile, str]] = []
    logs = [file for file in files if file.is_log]
    if not logs:
        raise DataError(
            f"no file in which a column of users and one of items could be told: {'; '.join(map(_seen, files))}"
        )
    if any(file.named_user for file in logs):
        logs = [file for file in logs if file.named_user]
    if any(file.roles.time for file in logs):
        left += [(file, "it has no times, and others have") for file in logs if file.roles.time is None]
        logs = [file for file in logs if file.roles.time is not None]
    catalogue = next((file for file in files if file.described), None)
    others = [file for file in files if file not in logs and file is not catalogue and file not in [f for f, _ in left]]
    return Choice(logs, catalogue, left + [(file, f"a table of {_rest(file)}") for file in others])


def _suggested(looked: Looked, root: str) -> SuggestedFile:
    path = os.path.relpath(os.path.abspath(looked.path), root)
    file = SuggestedFile(looked, guess_roles(looked), path, item_columns(looked))
    if file.described or (file.named_item and file.is_log):
        return file
    for name, cells in looked.lists.items():
        plain = list(cells) == [ELEMENT] and named(name, ITEM) is not None
        element = Guess(ELEMENT, f"{BY_NAME}: an element of {name}") if plain else None
        rows = exploded(looked, name, element)
        inside = SuggestedFile(rows, guess_roles(rows), path, {})
        if inside.is_log and inside.named_item:
            return inside
    return file


def with_user(file: SuggestedFile, files: Sequence[SuggestedFile]) -> SuggestedFile:
    """A file of items without users, with those of another that shares a column of ids; else the file itself."""
    if file.named_user or file.described or not file.named_item or file.looked.explode:
        return file
    for other in files:
        shared = [name for name in other.looked.columns if name in file.looked.columns and _is_key(name, other)]
        user = other.roles.user
        if other is file or not shared or user is None or not other.named_user or user.column in shared:
            continue
        roles = other.roles
        taken = [user, *(guess for guess in (roles.time, roles.clock) if guess is not None)]
        columns = tuple(dict.fromkeys(guess.column for guess in taken if guess.column not in file.looked.columns))
        looked = replace(
            file.looked,
            columns=file.looked.columns | {name: other.looked.columns[name] for name in columns},
            typed=file.looked.typed | {name for name in columns if name in other.looked.typed},
        )
        return replace(
            file, looked=looked, roles=guess_roles(looked), join=Joined(other, shared[0], columns), described={}
        )
    return file


def _is_key(name: str, file: SuggestedFile) -> bool:
    """Whether a column has a value of its own in every row, as the key of a table has."""
    values = [value for value in file.looked.columns[name] if value]
    return words_of(name)[-1:] != ["name"] and len(values) == len(set(values)) > 1


def _seen(file: SuggestedFile) -> str:
    looked = file.looked
    lists = f"; lists, which `explode` makes rows of: {', '.join(looked.lists)}" if looked.lists else ""
    return f"{looked.path}: {', '.join(looked.columns)}{lists}"


def _rest(file: SuggestedFile) -> str:
    what = "users" if file.named_user else "items" if file.roles.item else "neither users nor items"
    return f"{what} with the columns {', '.join(file.looked.columns)}"
