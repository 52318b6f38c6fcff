"""All systems by name."""

from __future__ import annotations

from jobs.steps.systems.als_fold_in import ALS_FOLD_IN
from jobs.steps.systems.clustered_similarity import clustered_systems
from jobs.steps.systems.cold_start import cold_start_systems
from jobs.steps.systems.contract import System
from jobs.steps.systems.lsh_iv import INFORMATION_VALUE, LSH_IV
from jobs.steps.systems.plda import PLDA
from jobs.steps.systems.ralm import variant_systems
from jobs.steps.systems.regression import regression_systems
from jobs.steps.systems.similarity import similarity_systems
from jobs.steps.systems.without_seeds import ACTIVITY, POPULARITY
from jobs.steps.systems.youtube_dnn import youtube_dnn_systems
from ralm.config import Config
from ralm.errors import ConfigError

BASELINES = (PLDA, POPULARITY, ACTIVITY, ALS_FOLD_IN, LSH_IV, INFORMATION_VALUE)


def systems(config: Config) -> dict[str, System]:
    """Name -> system: the configured variants of RALM, then the others.

    Raises:
        ConfigError: a variant has the name of another system.
    """
    others = [
        *youtube_dnn_systems(config),
        *cold_start_systems(config),
        *BASELINES,
        *similarity_systems(config),
        *clustered_systems(config),
        *regression_systems(config),
    ]
    taken = {system.name for system in others}
    for name in config.variants:
        if name.lower() in taken:
            raise ConfigError(f"variants: '{name}' is the name of another system; give the variant another name")
    return {system.name: system for system in (*variant_systems(config), *others)}


def system(config: Config, name: str, where: str = "--system") -> System:
    """A system by its name.

    Args:
        config: with the variants.
        name: of the system.
        where: what names it, for the error.

    Raises:
        ConfigError: there is no such system.
    """
    known = systems(config)
    if name not in known:
        raise ConfigError(
            f"{where} {name}: unknown; known: {', '.join(known)}. To add a variant of RALM, put it under `variants` "
            "of the configuration, as in conf/variants/ablations.yaml, and run job 'pipeline', which trains it"
        )
    return known[name]
