"""Formats of others that are known without a mapping: battles, preferences, conversations, and what labelling tools
write. Each makes usual rows (`usual.py`) of a record; the rest of the import does not know them.

Holds what the rest of `app.files` may use; the rest of this folder is private. Knows no store.
"""

from collections.abc import Iterable
from typing import Any

from app.files.shapes.answers import CHAT, ULTRAFEEDBACK
from app.files.shapes.argilla import ARGILLA
from app.files.shapes.battles import BATTLES
from app.files.shapes.label_studio import LABEL_STUDIO
from app.files.shapes.pairs import OPENAI_PAIRS, PAIRS
from app.files.shapes.usual import Shape

__all__ = ["SHAPES", "Shape", "recognised"]

SHAPES: tuple[Shape, ...] = (
    BATTLES, LABEL_STUDIO, ARGILLA, ULTRAFEEDBACK, PAIRS, OPENAI_PAIRS, CHAT
)  # fmt: skip
"""Every one, the more particular before the more general."""


def recognised(records: Iterable[dict[str, Any]]) -> Shape | None:
    """The format of the first of the records that is of any."""
    return next((shape for record in records for shape in SHAPES if shape.is_one(record)), None)
