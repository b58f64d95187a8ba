"""The facts of the closed world, read from `tables`, and which of them are held out of all feedback.

A fact is one true answer about one entity. The module knows neither how people ask (`phrasings`) nor how the
model answers (`answers`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from rlhb_core.world import tables

HELD_OUT_SHARE = 0.2
COLUMNS: dict[str, tuple[str, ...]] = {
    "country": ("capital", "continent", "currency", "language"),
    "element": ("symbol", "number", "state"),
    "animal": ("kind", "food", "legs", "young"),
    "planet": ("position", "type", "moons", "next"),
}
_TABLES = {
    "country": tables.COUNTRIES,
    "element": tables.ELEMENTS,
    "animal": tables.ANIMALS,
    "planet": tables.PLANETS,
    "unit": tables.UNITS,
}
TOPICS = tuple(_TABLES)


@dataclass(frozen=True)
class Fact:
    """One true fact: the `answer` for one `attribute` of one `entity`.

    `entity` is the display form inside a sentence ("Peru", "the Netherlands", "iron", "a cow", "an hour"), `noun`
    the same without its article, `plural` the plural of an animal (else ""), `part` what is counted in a unit
    (else ""). `attribute` is "count" for every unit.
    """

    topic: str
    entity: str
    attribute: str
    answer: str
    plural: str = ""
    part: str = ""

    @property
    def noun(self) -> str:
        """The entity without its article."""
        return strip_article(self.entity)

    @cached_property
    def id(self) -> str:
        """A readable, stable name such as `country/peru/capital` or `unit/hour/minutes`."""
        last = self.part or self.attribute
        return f"{self.topic}/{self.noun}/{last}".lower().replace(" ", "-")

    @property
    def held_out(self) -> bool:
        """Whether the fact is kept out of all feedback and used for evaluation only."""
        return self.id in HELD_OUT_IDS


def strip_article(text: str) -> str:
    """`the Netherlands` -> `Netherlands`, `an hour` -> `hour`; anything else unchanged."""
    first, _, rest = text.partition(" ")
    return rest if rest and first.lower() in {"a", "an", "the"} else text


def with_article(noun: str) -> str:
    """The noun with its indefinite article: `a cow`, `an owl`."""
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def _read() -> list[Fact]:
    facts = []
    for topic, columns in COLUMNS.items():
        for name, *cells in _rows(_TABLES[topic]):
            plural = cells.pop(0) if topic == "animal" else ""
            entity = with_article(name) if topic == "animal" else name
            facts += [
                Fact(topic, entity, attribute, answer, plural=plural)
                for attribute, answer in zip(columns, cells, strict=True)
                if answer != "-"
            ]
    facts += [
        Fact("unit", whole, "count", count, part=part)
        for whole, part, count in _rows(_TABLES["unit"])
    ]
    return facts


def _hold_out(facts: tuple[Fact, ...]) -> frozenset[str]:
    """A fixed fifth of the facts of every (topic, attribute), chosen by the hash of the identifier."""
    groups: dict[tuple[str, str], list[str]] = {}
    for fact in facts:
        groups.setdefault((fact.topic, fact.attribute), []).append(fact.id)
    held: set[str] = set()
    for ids in groups.values():
        ranked = sorted(ids, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        held.update(ranked[: round(HELD_OUT_SHARE * len(ids))])
    return frozenset(held)


def _group_values(facts: tuple[Fact, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    values: dict[tuple[str, str], dict[str, None]] = {}
    for fact in facts:
        values.setdefault((fact.topic, fact.attribute), {})[fact.answer] = None
    return {key: tuple(group) for key, group in values.items()}


FACTS: tuple[Fact, ...] = tuple(_read())
FACT_BY_ID: dict[str, Fact] = {fact.id: fact for fact in FACTS}
HELD_OUT_IDS: frozenset[str] = _hold_out(FACTS)
# Every answer that occurs for one (topic, attribute), in table order: where wrong answers are drawn from.
VALUES: dict[tuple[str, str], tuple[str, ...]] = _group_values(FACTS)
