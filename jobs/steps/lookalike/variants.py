"""The configured look-alike models: their settings, steps, versions and folders."""

from __future__ import annotations

from ralm.config import Config, Lookalike
from ralm.runs.context import Context


def variant_lookalike(config: Config, variant: str) -> Lookalike:
    """A variant's settings: the section `lookalike`, overridden by its own."""
    return config.variants[variant].lookalike(config.lookalike)


def rounds(config: Config, variant: str) -> int:
    """Rounds of a variant; average pooling has one, since the mean of all seeds does not depend on the model."""
    return 1 if config.variants[variant].pooling == "average" else variant_lookalike(config, variant).rounds


def training_step(variant: str, round_: int) -> str:
    """The step that trains a round."""
    return f"train_lookalike[{variant}/{round_}]"


def final_step(config: Config, variant: str) -> str:
    """The step that finishes a variant's training."""
    return training_step(variant, rounds(config, variant))


def version_of(variant: str, version: str) -> str:
    """The model version of a training round."""
    return f"{variant}-{version}"


def lookalike_version(context: Context, variant: str, round_: int | None = None) -> str:
    """The version of a variant's current model, after a round or (by default) after the last."""
    step = final_step(context.config, variant) if round_ is None else training_step(variant, round_)
    return version_of(variant, context.require(step, "a1").version)


def lookalike_folder(context: Context, variant: str, round_: int | None = None) -> str:
    """The folder of a variant's current model, after a round or (by default) after the last."""
    return context.models("lookalike", lookalike_version(context, variant, round_))
