"""Which system's audience of an item is read."""

from __future__ import annotations

from collections.abc import Collection

from ralm.errors import ConfigError, MissingInputError


def one_system(item: str, made: Collection[str], asked: str | None, released: str | None) -> str:
    """The system that was asked for, the only one, or else the one that made the release.

    Args:
        item: for the errors.
        made: the systems that made an audience of the item, at least one.
        asked: argument `system` of `Workspace.audience`.
        released: what scored the audiences of the release.

    Raises:
        MissingInputError: the one that was asked for made none.
        ConfigError: several made one, and none of them is chosen.
    """
    names = ", ".join(sorted(made))
    if asked is not None:
        if asked not in made:
            raise MissingInputError(f"no audience of '{item}' by {asked}; there are audiences of it by {names}")
        return asked
    if len(made) == 1:
        return next(iter(made))
    if released in made:
        return str(released)
    raise ConfigError(f"audiences of '{item}' were made by {names}: name one with system=")
