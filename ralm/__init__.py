"""RALM on Spark: look-alike audiences; `ralm.open` gives notebooks the audiences of a warehouse."""

from ralm.workspace import Workspace
from ralm.workspace import open_workspace as open

__all__ = ["Workspace", "open"]
