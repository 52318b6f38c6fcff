"""Options of Spark's readers: those there are, and those by which rows or files would be left out without a word."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

_COUNTED = "leave it out: rows that cannot be read are counted, and ingest.max_bad_share says how many are too many"
_CHOSEN = "leave it out: `path` says which files are read, as a file, a folder with its sub-folders, or a pattern"
# In lower case.
_REFUSED = {
    **dict.fromkeys(("mode", "columnnameofcorruptrecord", "ignorecorruptfiles", "ignoremissingfiles"), _COUNTED),
    **dict.fromkeys(("modifiedafter", "modifiedbefore", "pathglobfilter", "recursivefilelookup"), _CHOSEN),
}
_CSV = """
    charset chartoescapequoteescaping codec columnnameofcorruptrecord columnpruning comment compression dateformat
    delimiter emptyvalue enabledatetimeparsingfallback encoding enforceschema escape escapequotes extension header
    ignoreleadingwhitespace ignoretrailingwhitespace inferschema inputbuffersize linesep locale maxcharspercolumn
    maxcolumns mode multiline nanvalue negativeinf nullvalue positiveinf preferdate quote quoteall samplingratio sep
    singlevariantcolumn timeformat timestampformat timestampntzformat timezone unescapedquotehandling
"""
_JSON = """
    allowbackslashescapinganycharacter allowcomments allownonnumericnumbers allownumericleadingzeros allowsinglequotes
    allowunquotedcontrolchars allowunquotedfieldnames charset columnnameofcorruptrecord compression dateformat
    dropfieldifallnull enabledatetimeparsingfallback encoding ignorenullfields infertimestamp linesep locale mode
    multiline prefersdecimal pretty primitivesasstring samplingratio singlevariantcolumn sortkeys timeformat
    timestampformat timestampntzformat timezone useunsaferow writenonasciicharacterascodepoint
"""
# Format -> the options of its reader; a reader does not mind others, so that a misspelt one would do nothing.
KNOWN = {
    "csv": frozenset(_CSV.split()),
    "tsv": frozenset(_CSV.split()),
    "jsonl": frozenset(_JSON.split()),
    "text": frozenset(["charset", "compression", "encoding", "linesep", "wholetext"]),
    "parquet": frozenset(
        ["codec", "compression", "datetimerebasemode", "int96rebasemode", "mergeschema", "parquet.compression"]
    ),
}
# What other programs call them.
_ELSEWHERE = {
    "separator": "sep", "delim": "sep", "field_delimiter": "sep", "fielddelimiter": "sep", "quotechar": "quote",
    "quote_char": "quote", "escapechar": "escape", "escape_char": "escape", "lineterminator": "lineSep",
    "commentchar": "comment", "skipinitialspace": "ignoreLeadingWhiteSpace", "has_header": "header", "lines": "header",
}  # fmt: skip
_INSTEAD = {
    **dict.fromkeys(("skiprows", "skip_rows", "skiplines", "skip"), "titles above a header are left out by themselves"),
    **dict.fromkeys(("na_values", "null_values", "nullvalues", "nullstr"), "see ingest.null_markers"),
    **dict.fromkeys(("decimal", "thousands"), "write replace(column, ',', '.') in the expression"),
    **dict.fromkeys(("dtype", "schema", "parse_dates"), "cells stay text until `columns` are cast"),
    **dict.fromkeys(
        ("usecols", "names", "columns"), "`columns` of the source names them; without a header line _c0, …"
    ),
}


# Those that are true or false, and those of one character at most.
_FLAGS = (
    "header",
    "multiline",
    "ignoreleadingwhitespace",
    "ignoretrailingwhitespace",
    "primitivesasstring",
    "wholetext",
)
_CHARACTERS = ("quote", "escape", "comment")


def check_options(options: Mapping[str, str], form: str | None, *, pinned: bool) -> None:
    """Refuse options that no reader has, that leave out rows or files, or say again which version of a table is meant.

    Args:
        options: by their names, in whatever case.
        form: the format whose reader gets them; None: a table, which may know any.
        pinned: whether the source has a `version` or a `timestamp`.

    Raises:
        ValueError: there is one.
    """
    known = KNOWN.get(form or "")
    for key, value in options.items():
        lower = key.lower()
        if remedy := _REFUSED.get(lower):
            raise ValueError(f"options: {key}: {remedy}")
        if pinned and lower in ("versionasof", "timestampasof"):
            raise ValueError(f"options: {key}: `version` or `timestamp` says which it is: leave it out")
        if lower == "linesep" and form in ("csv", "tsv"):
            raise ValueError(f"options: {key}: leave it out: rows end in \\n, \\r\\n or \\r, whichever a file has")
        if known is not None and lower not in known:
            raise ValueError(f"options: {key}: the reader of {form} has no such option{_meant(lower, known)}")
        if known is not None and lower in _FLAGS and value.lower() not in ("true", "false"):
            raise ValueError(f"options: {key}: true or false is needed, found '{value}'")
        if form in ("csv", "tsv") and lower in _CHARACTERS and len(value) > 1:
            raise ValueError(f"options: {key}: one character or none is needed, found '{value}'")
        if form in ("csv", "tsv") and lower in ("sep", "delimiter") and not value:
            raise ValueError(f"options: {key}: it has one character or more; `format: text` reads whole lines")


def _meant(key: str, known: frozenset[str]) -> str:
    if remedy := _INSTEAD.get(key):
        return f": {remedy}"
    near = difflib.get_close_matches(key, [*_ELSEWHERE, *known], 3, 0.7)
    names = [_ELSEWHERE.get(name, name) for name in near]
    return next((f" (meant: '{name}'?)" for name in names if name.lower() in known), "")
