"""What a job prints: plain lines, a line that is updated on a terminal, or a JSON object per line."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import sys
import threading
from typing import Any, Literal, TextIO

Style = Literal["bar", "lines", "json"]
_CLEAR = "\r\x1b[K"


class Console(io.TextIOBase):
    """A stream in front of another: whatever is printed goes through it, a line that is updated stays below.

    Args:
        stream: where the text goes.
        style: bar: a terminal; json: each line is an object with `time`, `level`, `message` and what is known of the
            running step.
        level: of the lines, for `json`.
    """

    def __init__(self, stream: TextIO, style: Style, level: str = "info") -> None:
        self.stream, self.style, self.level = stream, style, level
        self.step: dict[str, Any] = {}
        self._shown = False
        self._pending = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Print text; what it stands over is cleared first."""
        with self._lock:
            if self.style == "json":
                *lines, self._pending = (self._pending + text).split("\n")
                for line in lines:
                    if line.strip():
                        self._object(line.strip())
                return len(text)
            if self._shown and text:
                self.stream.write(_CLEAR)
                self._shown = False
            self.stream.write(text)
        return len(text)

    def update(self, line: str, facts: dict[str, Any]) -> None:
        """Show how far a step is: in place of the last such line on a terminal, as an object of its own in JSON."""
        with self._lock:
            if self.style == "json":
                self._object(line, facts)
            elif self.style == "bar":
                width = shutil.get_terminal_size().columns - 1
                self.stream.write(_CLEAR + line[:width])
                self._shown = True
            else:
                self.stream.write(f"{line}\n")
            self.stream.flush()

    def clear(self) -> None:
        """Take the line that is updated away."""
        with self._lock:
            if self._shown:
                self.stream.write(_CLEAR)
                self.stream.flush()
                self._shown = False

    def flush(self) -> None:
        """Pass on what was written."""
        with self._lock:
            if self.style == "json" and self._pending.strip():
                pending, self._pending = self._pending, ""
                self._object(pending.strip())
            self.stream.flush()

    def fileno(self) -> int:
        """The file descriptor behind it, for processes that are started."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As the stream's."""
        return self.stream.encoding

    def _object(self, message: str, facts: dict[str, Any] | None = None) -> None:
        time = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {"time": time, "level": self.level, "message": message, **self.step, **(facts or {})}
        self.stream.write(json.dumps(content, default=str, ensure_ascii=False) + "\n")
        self.stream.flush()


def install(style: Style) -> None:
    """Let everything that this process prints go through consoles; plain lines need none."""
    if style != "lines":
        sys.stdout = Console(sys.stdout, style)
    if style == "json":
        sys.stderr = Console(sys.stderr, style, "error")


def clear_line() -> None:
    """Take the line that is updated away, if there is one."""
    if (console := installed()) is not None:
        console.clear()


def installed() -> Console | None:
    """The console that lines go through; None: they are printed plainly."""
    return sys.stdout if isinstance(sys.stdout, Console) else None
