"""What may not be used of users, how few of them may be shown, and how long history keeps those who are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ralm.config.section import Identifier, Section

if TYPE_CHECKING:
    from ralm.config.fields import Fields


class Privacy(Section):
    """Fields that may not be used, the fewest people that anything shows, how long history keeps forgotten users."""

    excluded_fields: list[Identifier] = Field(
        default_factory=list,
        description="behaviour domains and profile fields that nothing is learnt from, scored by or explained with",
    )
    minimum: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="people that an audience, a list and any count or share of people that is shown must have; fewer "
        "are left out, or shown as `fewer than N`. 0: everything is shown",
    )
    retention_days: float = Field(
        default=7.0,
        ge=0,
        le=3_650,
        description="days for which earlier versions of tables keep users whom `forget_users` erased: so long may a "
        "reader stay with one",
    )

    @property
    def sections(self) -> tuple[str, ...]:
        """The section of a step whose tables show people: none while everything is shown."""
        return ("privacy.minimum",) if self.minimum else ()


def without_excluded(fields: Fields, excluded: list[str]) -> Fields:
    """The fields that may be used. `item_domains` stays: by it new items are held out of what is used."""
    if not excluded:
        return fields
    kept: dict[str, Any] = {
        "history": [field for field in fields.history if field.domain not in excluded],
        "categorical": [field for field in fields.categorical if field.name not in excluded],
        "numeric": [name for name in fields.numeric if name not in excluded],
    }
    return fields.model_copy(update=kept)


def contradictions(fields: Fields, representations: list[str], excluded: list[str]) -> str | None:
    """What is excluded and asked for at once, in words; None: nothing.

    Args:
        fields: as they were given.
        representations: `user_model.representations`; empty until the data choose them.
        excluded: `privacy.excluded_fields`.
    """
    if not excluded:
        return None
    if not without_excluded(fields, excluded).history:
        return "privacy.excluded_fields: it leaves no behaviour domain in fields.history; keep one"
    if fields.strong_domain in excluded:
        return (
            f"privacy.excluded_fields: '{fields.strong_domain}' is fields.strong_domain; name another history field "
            "there"
        )
    for domain in representations:
        if domain in excluded:
            return f"privacy.excluded_fields: '{domain}' is in user_model.representations; leave it out of one of them"
    return None
