"""An extension of the API page: `Example:` in a docstring is a section of examples, as in the tests that run them."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Names the section as Griffe knows it; `Example:` would be a note, in which `>>>` is a quotation."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        """Rename the section of one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
