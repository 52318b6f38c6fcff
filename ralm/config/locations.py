"""Paths as people write them: `~`, `${VAR}` and `file:` URLs become plain paths; other URLs stay as they are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ralm.errors import masked

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")


def plain_path(text: str) -> str:
    """The path with the home folder and environment variables filled in, and without `file:`.

    Args:
        text: `~/x`, `${VAR}/x`, `$VAR/x`, `file:///x`, `file:/x`, or anything else, which stays as it is.

    Raises:
        ValueError: an unknown variable or home folder, a path of Windows, a page of the web, or a `file:` URL that
            names another machine.
    """
    text = re.sub(r"(?:^|(?<=/))\$([A-Z_][A-Z0-9_]*)(?=/|$)", r"${\1}", text)
    for name in re.findall(r"\$\{([^}]*)\}", text):
        if name not in os.environ:
            raise ValueError(f"'{text}': the environment has no variable '{name}'; set it or write the path out")
        text = text.replace("${" + name + "}", os.environ[name])
    if text == "~" or re.match("~[^/]*/", text):
        expanded = os.path.expanduser(text)
        if expanded == text:
            raise ValueError(f"'{text}': there is no such home folder; write the path out")
        text = expanded
    if found := re.match(r"([A-Za-z]):[\\/]|\\\\", text):
        within = f"/mnt/{found[1].lower()}/…" if found[1] else "a folder that is mounted"
        raise ValueError(f"'{text}' is a path of Windows; here it is {within}")
    if re.match("https?:", text, flags=re.IGNORECASE):
        raise ValueError(f"'{masked(text)}': nothing is read from the web: download it, and give the file")
    if re.match("file:", text, flags=re.IGNORECASE):
        text = _without_scheme(text)
    return text


def _without_scheme(text: str) -> str:
    rest = text.partition(":")[2]
    if not rest.startswith("//"):
        return rest
    rest = rest[2:]
    if rest.startswith("/"):
        return "/" + rest.lstrip("/")
    host, _, path = rest.partition("/")
    if host in (".", ".."):
        return rest
    if host.lower() == "localhost":
        return f"/{path}"
    raise ValueError(f"'{text}' names the machine '{host}'; a local path is file:///{rest} or /{rest}")


def is_url(path: str) -> bool:
    """Whether the path names its file system (`s3a://…`, `hdfs:…`)."""
    return _URL.match(path) is not None


def absolute(path: str) -> str:
    """The path from the root; URLs stay as they are."""
    return path if is_url(path) else str(Path(path).resolve())


Location = Annotated[str, Field(min_length=1), AfterValidator(plain_path)]
