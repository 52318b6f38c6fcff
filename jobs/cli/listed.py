"""Settings of Spark that are lists of files or packages: the user's entries join ours, in place of replacing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ralm.errors import ConfigError
from ralm.spark.jars import LISTED

# The option of spark-submit for each of these settings: of all other options, given after `--`, the last one wins.
OPTIONS = {
    "spark.jars.packages": "--packages",
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.jars": "--jars",
}
assert set(OPTIONS) == set(LISTED)


def split_options(options: Sequence[str], conf: Mapping[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """Options of spark-submit -> the entries of each list option, and the other options in their order.

    Args:
        options: what the user gives after `--`, where a list is an option or a `--conf` of its setting.
        conf: `spark.conf` of the configuration.

    Raises:
        ConfigError: an option without its value.
    """
    lists: dict[str, list[str]] = {name: [] for name in OPTIONS.values()}
    others: list[str] = []
    for setting, name in OPTIONS.items():
        lists[name].extend(entries(conf.get(setting, "")))
    rest = iter(options)
    for option in rest:
        name, equals, value = option.partition("=")
        if name in ("--conf", "-c"):
            given = value if equals else next(rest, "")
            setting, _, value = given.partition("=")
            if setting in OPTIONS:
                lists[OPTIONS[setting]].extend(entries(value))
            else:
                others += [option] if equals else [option, given]
        elif name in lists:
            value = value if equals else next(rest, "")
            if not value:
                raise ConfigError(f"{name} after `--` has no value")
            lists[name].extend(entries(value))
        else:
            others.append(option)
    return lists, others


def entries(text: str) -> list[str]:
    """The entries of a list with commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]
