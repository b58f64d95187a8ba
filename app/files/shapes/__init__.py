"""Formats of others that are known without a mapping: battles, preferences, conversations, and what labelling tools
write. Each makes usual rows (`usual.py`) of a record; the rest of the import does not know them.

Holds what the rest of `app.files` may use; the rest of this folder is private. Knows no store.
"""

from app.files.shapes.usual import Shape, usual

__all__ = ["SHAPES", "Shape", "recognised", "usual"]

from collections.abc import Iterable
from typing import Any

from app.files.shapes.battles import BATTLES

SHAPES: tuple[Shape, ...] = (BATTLES,)
"""Every one, the more particular before the more general."""


def recognised(records: Iterable[dict[str, Any]]) -> Shape | None:
    """The format of the first of the records that is of any."""
    return next(
        (shape for record in records for shape in SHAPES if shape.is_one(record)),
        None,
    )
