"""Store -> JSON lines: what is downloaded, and what a run is trained on. One function writes both.

Holds the triplets and the table of exports. Knows no SQL and no HTTP.

* triplets: <query, response, behaviour>, the Triplet record; `importing.py` reads it back.
* comparisons: the votes and rankings, the Comparison record (`vote_lines.py`).
* preferences, labels, completions: as TRL's trainers load them (`trl_lines.py`).
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.files.lines import LINE, NOBODY, Lines, moment
from app.files.trl_lines import (
    completion_lines,
    corrected_answers,
    label_lines,
    preference_lines,
)
from app.files.vote_lines import compared_answers, comparison_lines
from app.store import DataFilter, Store, behaviors, exports
from app.store.exports import Amounts, triplets
from rlhb_core.errors import BadConfig
from rlhb_core.schema.records import SCHEMA_VERSION

__all__ = [
    "EXPORTS",
    "Amounts",
    "DataFilter",
    "amounts",
    "compared",
    "comparison_lines",
    "completion_lines",
    "corrected",
    "label_lines",
    "preference_lines",
    "start_of",
    "taken",
    "triplet_lines",
    "write_lines",
]


def triplet_lines(store: Store, chosen: DataFilter) -> Lines:
    """Every finished response with what its reader did, as Triplet lines, oldest first."""
    behaviors.refresh(store)
    with store.reading() as connection:
        for block in triplets(connection, chosen):
            yield b"".join([_triplet(row, chosen.with_people) for row in block])


def _triplet(row: Any, with_people: bool) -> bytes:
    # Unpacked by position and in the order of the Triplet record: this is the hot loop of an export.
    (
        verbaliser_version, query_id, response_id, query, response, arm, model_version, condition,
        position, draw_probability, outcome, source, asked, answered, person_id, history, left_out,
        conversation, turn, behavior_text, features, _, unblinded,
    ) = row  # fmt: skip
    return orjson.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "verbaliser_version": verbaliser_version,
            "query_id": query_id,
            "response_id": response_id,
            "query": query,
            "history": orjson.Fragment(history),
            "left_out": left_out,
            "conversation": conversation,
            "turn": turn,
            "response": response,
            "behavior_text": behavior_text,
            "behavior_features": orjson.Fragment(features),
            "arm": arm,
            "model_version": model_version,
            "condition": condition,
            "position": position,
            "draw_probability": draw_probability,
            "outcome": outcome,
            "source": source,
            "asked_at": moment(asked),
            "answered_at": moment(answered),
            "person": person_id if with_people and UUID(person_id) not in NOBODY else None,
            "unblinded": unblinded,
        },
        option=LINE,
    )


EXPORTS: dict[str, Callable[[Store, DataFilter], Lines]] = {
    "triplets": triplet_lines,
    "comparisons": comparison_lines,
    "preferences": preference_lines,
    "labels": label_lines,
    "completions": completion_lines,
}
"""Everything that can be downloaded, by name."""


def write_lines(path: Path, blocks: Iterator[bytes]) -> int:
    """Write an export to a file, whole or not at all; returns the number of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    lines = 0
    with draft.open("wb") as file:
        for block in blocks:
            file.write(block)
            lines += block.count(b"\n")
    draft.replace(path)
    return lines


def amounts(store: Store, chosen: DataFilter) -> Amounts:
    """How much the filter lets through: a quick look before a run."""
    behaviors.refresh(store)
    with store.reading() as connection:
        return exports.amounts(connection, chosen)


def taken(store: Store, chosen: DataFilter) -> exports.Taken:
    """What the filter takes of the responses that are there, and why it leaves out the others."""
    behaviors.refresh(store)
    with store.reading() as connection:
        return exports.taken(connection, chosen)


def compared(store: Store, chosen: DataFilter) -> int:
    """How many of the votes give a comparison: those among at least two different answers that came."""
    return sum(1 for _ in compared_answers(store, chosen))


def corrected(store: Store, chosen: DataFilter) -> int:
    """How many answers people made others of."""
    behaviors.refresh(store)
    return sum(1 for _ in corrected_answers(store, chosen))


def start_of(day: date, name: str = "since") -> int:
    """The first moment of a day where the server stands, in milliseconds since 1970 (UTC). Raises BadConfig."""
    if not 1970 <= day.year < 9999:
        raise BadConfig(f"{name}: a day from 1970 on")
    return max(0, int(datetime.combine(day, time.min).astimezone().timestamp() * 1000))
