"""Errors that a user can cause; each carries the exit code of the process that it ends."""

from __future__ import annotations

import re

# Characters of an error's line.
LONGEST = 2_000
INTERRUPTED = "error: interrupted; finished work is kept. Run the same command to resume."

# user:password@ of a URL, up to the last @: passwords may hold one themselves, and those of stores and sites a slash.
# abfss://container@account has no password. Names are bounded in all patterns: a line of data may be one long word.
_USER_INFO = re.compile(
    r"\b((?:redis|rediss|unix|https?|ftps?|sftp|jdbc:\w+|mongodb|postgres\w*|mysql)://)[^\s'\"<>]*@(?=[^\s@])"
    r"|\b([A-Za-z][A-Za-z0-9+.-]{0,40}://)[^\s'\"<>/@:]*:[^\s'\"<>/]*@(?=[^\s@])"
)
_SECRET = re.compile(
    r"(?i)((?:passw(?:or)?d|passwd|pwd|secret|token|(?:access|account|api|private)[._-]?key|signature|\bsig|credential)[\w.-]{0,100}"
    r"[\"']?\s*[=:]\s*)(?!\s)[^\s&,;}]+"
)
_IN_URL = re.compile(
    r"(?i)([?&][\w.-]{0,100}(?:passw(?:or)?d|passwd|pwd|secret|token|key|sig|signature|credential)[\w.-]{0,100}=)[^\s&]+"
)


# Keys whose values are secrets whatever they look like: `spark.conf` may hold those of file systems.
_SECRET_KEY = re.compile(
    r"secret|passw(or)?d|token|credential|signature|(access|account|api|private)[._-]?key|\bsas\b", re.I
)


def is_secret(key: str) -> bool:
    """Whether the value of a key is a secret, by the key's name."""
    return _SECRET_KEY.search(key) is not None


def masked(text: str) -> str:
    """A text for people in which the passwords of URLs are `***`."""
    return _IN_URL.sub(r"\1***", _USER_INFO.sub(lambda found: f"{found[1] or found[2]}***@", text))


def masked_settings(text: str) -> str:
    """`masked`, and also the values of settings whose name says that they are secret (`fs.s3a.secret.key: …`)."""
    return _SECRET.sub(r"\1***", masked(text))


def checkpoint_advice(log: str) -> str:
    """What to do about a damaged checkpoint of a Delta table's log, the folder `_delta_log`."""
    return (
        f"if {log} has every commit (.json) since the checkpoint before it or, without one, since "
        "00000000000000000000.json, delete the checkpoint and _last_checkpoint there: the commits are read instead; "
        "otherwise restore the table's folder from a copy"
    )


def is_unicode(text: str) -> bool:
    """Whether a text can be written: one with half of a surrogate pair, or from bytes that are not UTF-8, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def one_line(text: str) -> str:
    """A text that may hold anything from files or command lines, as one line for people.

    White space becomes blanks, signs that terminals do not print are escaped, and of a very long text the middle is
    left out.
    """
    line = " ".join(text.split())
    line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 400]} … {line[-300:]}"


class RalmError(Exception):
    """One line for the user: the setting or table, what was found, what to do."""

    exit_code = 1

    def __str__(self) -> str:
        return one_line(masked(super().__str__()))


class ConfigError(RalmError):
    """A configuration key, value or combination that cannot be run."""

    exit_code = 2


class DataError(RalmError):
    """Input data that the rules of the tables refuse."""

    exit_code = 3


class MissingInputError(RalmError):
    """A file, table, partition or model that a step needs and does not find."""

    exit_code = 4
