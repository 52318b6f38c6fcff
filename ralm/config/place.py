"""Where the rows of a source lie."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ralm.config.locations import Location
from ralm.config.reader_options import check_options
from ralm.config.section import Options, Section

# Endings of files whose format need not be said, before that of a compression.
_ENDING = re.compile(
    r"\.(?:(csv)|(tsv|tab)|(json|jsonl|ndjson))(?:\.(?:gz|bz2|zst|xz|lz4|snappy|deflate))?$", re.IGNORECASE
)


class Place(Section):
    """Where rows lie: files of one layout, a Delta table, or a table of the catalog."""

    path: Location = Field(default="", description="file, folder or glob; relative paths start at data_root")
    table: str = Field(default="", description="in place of `path`: a table of Spark's catalog, as catalog.schema.name")
    format: Literal["parquet", "csv", "tsv", "jsonl", "text", "delta"] = Field(
        default="parquet",
        description="text: each line is one row, in the column `value`; left out, a path that ends in .csv, .tsv, "
        ".json or .jsonl (and .gz or the like) says it",
    )
    options: Options = Field(default_factory=dict, description="options of Spark's reader")
    version: int | None = Field(default=None, ge=0, description="version of a Delta table; default: the newest")
    timestamp: str | None = Field(default=None, description="the Delta table as it was at this time")

    @model_validator(mode="before")
    @classmethod
    def _format_by_ending(cls, content: Any) -> Any:
        if isinstance(content, dict) and "format" not in content and isinstance(content.get("path"), str):
            ending = _ENDING.search(content["path"])
            if ending is not None:
                return content | {"format": "csv" if ending[1] else "tsv" if ending[2] else "jsonl"}
        return content

    @field_validator("format", mode="before")
    @classmethod
    def _one_spelling(cls, value: Any) -> Any:
        name = value.lower() if isinstance(value, str) else value
        return "jsonl" if name in ("json", "ndjson", "jsonlines") else name

    @field_validator("timestamp", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """YAML reads a bare day or time as one."""
        return str(value) if isinstance(value, dt.date) else value

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if bool(self.path) == bool(self.table):
            raise ValueError("give the place of the rows once: as `path`, or as `table`")
        pinned = self.version is not None or self.timestamp is not None
        if pinned and self.format != "delta" and not self.table:
            raise ValueError("version and timestamp are of a Delta table: format: delta")
        if self.version is not None and self.timestamp is not None:
            raise ValueError("give `version` or `timestamp`, not both")
        if "**" in self.path:
            raise ValueError(
                f"path '{self.path}': ** is no pattern here: a folder is read with its sub-folders, and * stands for "
                "the names of one level"
            )
        check_options(self.options, None if self.table else self.format, pinned=pinned)
        return self

    @property
    def place(self) -> str:
        """The path or the table, for messages."""
        return self.table or self.path

    @property
    def is_text(self) -> bool:
        """Whether its files are text."""
        return not self.table and self.format in ("csv", "tsv", "jsonl", "text")
