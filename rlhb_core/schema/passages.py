"""Marked passages of a response: what a mark does to a behaviour, and how marks keep their place.

Offsets are characters (Unicode code points) of the response's own text. Equal answers differ in the white space around
them, so a mark moves by that where it is told of another one. Does not know who stores texts.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rlhb_core.schema.features import BehaviorFeatures, Marked
from rlhb_core.schema.payloads import MAX_PIECES, Payload


def marked(found: BehaviorFeatures, payload: Payload, _: UUID) -> None:
    """The mark stands, in place of what it was before, or is off."""
    name = mark_of(payload)
    kept = [each for each in found.marks if each.mark != name]
    if payload.get("on", True) and len(kept) < MAX_PIECES:  # equal answers may have more together
        told = {key: value for key, value in payload.items() if key != "on"}
        kept.append(Marked.model_validate(told))
    found.marks = sorted(kept, key=lambda each: (each.start, each.end, each.mark))


def mark_of(payload: Payload) -> UUID:
    """Which mark it is about."""
    return UUID(str(payload["mark"]))


def reach(payload: Payload) -> int:
    """How far into the text it speaks."""
    return int(payload["end"])


def moved(payload: Payload, by: int) -> dict[str, Any]:
    """What changes where the same text begins so much later."""
    start = max(0, payload["start"] + by)
    return {"start": start, "end": max(start + 1, payload["end"] + by)}


def placed(marks: Sequence[Marked], by: int, text: str) -> list[Marked]:
    """Marks in a text that begins so much later than the one they were made in, with the words that they mark."""
    found = []
    for each in marks:
        start, end = max(0, each.start + by), min(len(text), each.end + by)
        if start < end:
            changed = {"start": start, "end": end, "words": text[start:end]}
            found.append(each.model_copy(update=changed))
    return found
