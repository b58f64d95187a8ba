"""What all lines of exports have in common: how they look and leave, and how a moment is told.

Lines come in blocks of bytes, whole lines each, so that memory stays flat and the web server is not woken for every
row. Does not know what a line says.
"""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from app.store import joined
from app.store.imports import UNNAMED

LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
NOBODY = frozenset(UNNAMED.values())
Lines = Generator[bytes, None, None]
"""JSON lines in blocks, whole lines each."""


def in_blocks(lines: Iterator[dict[str, Any]]) -> Lines:
    """These lines as JSON."""
    return joined(orjson.dumps(line, option=LINE) for line in lines)


NOT_KNOWN = datetime.fromtimestamp(0, UTC)


def moment(ms: int) -> datetime:
    """A stored time. One that no calendar holds, from a file taken in long ago,
    is told as one that is not known: 1970.
    """
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return NOT_KNOWN
