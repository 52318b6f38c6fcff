"""Errors that a user can cause; each carries the exit code of the process that it ends."""


class RalmError(Exception):
    """One line for the user: the setting or table, what was found, what to do."""

    exit_code = 1


class ConfigError(RalmError):
    """A configuration key, value or combination that cannot be run."""

    exit_code = 2


class DataError(RalmError):
    """Input data that the rules of the tables refuse."""

    exit_code = 3


class MissingInputError(RalmError):
    """A file, table, partition or model that a step needs and does not find."""

    exit_code = 4
