"""The settings that each kind of cluster gets: files of conf/spark, chosen by the master."""

from __future__ import annotations

from pathlib import Path

# The kind of a cluster by the beginning of its master: the settings of conf/spark/<kind>.conf.
KINDS = {"spark://": "standalone", "yarn": "yarn", "k8s://": "k8s"}


def read_settings(path: Path) -> dict[str, str]:
    """The settings of a Spark properties file of `key value` lines."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return {key: value.strip() for key, value in pairs}


def profile(master: str) -> list[str]:
    """The files of conf/spark that are added to defaults.conf for a master, in their order: later ones win.

    Example:
        >>> profile("yarn")
        ['cluster', 'yarn']
    """
    if master.startswith("local"):
        return ["local"]
    return ["cluster", *(kind for beginning, kind in KINDS.items() if master.startswith(beginning))]
