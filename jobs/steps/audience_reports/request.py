"""Which audience is reported on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.steps.audiences.audiences import made_by
from jobs.steps.audiences.own_list import Request
from ralm.errors import ConfigError, MissingInputError
from ralm.runs.context import Context


@dataclass(frozen=True)
class Asked:
    """An audience, as it was asked for.

    Attributes:
        item: id of the item; None: a list.
        seeds: the file or table of the list, or of several, as they were given to `extend_audience`; None: an item.
        system: what scored the audience; None: the only system that did.
        name: the list's name, if `extend_audience` was given one.
        column: the column of user ids in the list.
        hashed: the list holds SHA-256 digests of user ids.
    """

    item: str | None = None
    seeds: str | Sequence[str] | None = None
    system: str | None = None
    name: str | None = None
    column: str | None = None
    hashed: bool = False

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists; none: an item."""
        return Request("", self.seeds).lists

    @property
    def item_id(self) -> str:
        """The audience's item id: the item, or the list's name."""
        return self.item or Request("", self.seeds, item=self.name).list_name

    def check(self) -> None:
        """Check that it is an item or a list.

        Raises:
            ConfigError: neither or both, or options of a list with an item.
        """
        if (self.item is None) == (not self.lists):
            raise ConfigError("give --item, or --list with the file that extend_audience was given")
        if self.item is not None and (self.name or self.column or self.hashed):
            raise ConfigError("--name, --column and --hashed belong to --list")


def scored_by(context: Context, asked: Asked) -> str:
    """The system whose audience it is.

    Raises:
        MissingInputError: there is no such audience.
        ConfigError: several systems made one and none was named.
    """
    item = asked.item_id
    names = made_by(context, "audiences", item)
    if asked.system is not None and asked.system in names:
        return asked.system
    if not names or asked.system is not None:
        made = f"; there are audiences of it by {', '.join(names)}" if names else ""
        given = "".join(f" --seeds {path}" for path in asked.lists)
        how = f"run `extend_audience --system NAME{given}`" if given else "name it in scoring.items"
        by = f" by {asked.system}" if asked.system else ""
        raise MissingInputError(f"no audience of '{item}'{by} as of {context.dates.a3}{made}; {how}")
    if len(names) > 1:
        raise ConfigError(f"audiences of '{item}' were made by {', '.join(names)}: name one with --system")
    return names[0]
