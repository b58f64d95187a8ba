"""Items: the questions of a study, each once; and the answers to them that are there beforehand."""

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection, existing, in_parts, storable
from app.store.errors import UnknownReference
from app.store.study_records import EVERYBODY, Item, Prepared
from app.store.study_tables import ITEM, PREPARED
from app.store.tables import QUERY, to_record
from rlhb_core.schema.records import Source


class NewItem(NamedTuple):
    """An item with the answers that come with it."""

    item: Item
    prepared: Sequence[Prepared] = ()
    asked_by: UUID | None = None
    """Who asked it, if it was taken from the store: it goes when they are erased."""


def add(connection: Connection, items: Sequence[NewItem]) -> int:
    """Store items of one study, behind those that it has; returns how many are new.

    One that asks the same (and brings the same answers) as another of its study is the same item. Answers name stored
    versions; raises UnknownReference.
    """
    if not items:
        return 0
    study_id = items[0].item.study_id
    last = connection.execute(
        sa.select(sa.func.max(ITEM.c.number)).where(ITEM.c.study_id == study_id)
    ).scalar()
    by_digest = {_digest(each): each for each in items}
    known = _known(connection, study_id, list(by_digest))
    new = {digest: each for digest, each in by_digest.items() if digest not in known}
    rows = [
        each.item.model_dump()
        | {
            "text": storable(each.item.text),
            "number": number,
            "digest": digest,
            "shuffle": secrets.randbits(48),
            "asked_by": each.asked_by,
        }
        for number, (digest, each) in enumerate(new.items(), start=0 if last is None else last + 1)
    ]
    answers = [
        answer.model_dump() | {"text": storable(answer.text)}
        for each in new.values()
        for answer in each.prepared
    ]
    for part in in_parts(rows):
        connection.execute(sa.insert(ITEM), part)
    try:
        for part in in_parts(answers):
            connection.execute(sa.insert(PREPARED), part)
    except sa.exc.IntegrityError:
        raise UnknownReference(
            "an answer must name a stored version, each under an id of its own"
        ) from None
    return len(rows)


def find(connection: Connection, item_id: UUID) -> Item | None:
    """The item of this id, or None."""
    row = connection.execute(sa.select(ITEM).where(ITEM.c.id == item_id)).mappings().first()
    return None if row is None else to_record(row, Item)


def get(connection: Connection, item_id: UUID) -> Item:
    """The item of this id. Raises UnknownReference."""
    item = find(connection, item_id)
    if item is None:
        raise UnknownReference("there is no such item; it may have been erased")
    return item


def count(connection: Connection, study_id: UUID) -> int:
    """How many items a study has, archived ones too."""
    mine = sa.select(sa.func.count()).where(ITEM.c.study_id == study_id)
    return connection.execute(mine).scalar_one()


def of_study(
    connection: Connection, study_id: UUID, limit: int = 100, offset: int = 0
) -> Sequence[Item]:
    """Items in the order given."""
    statement = (
        sa.select(ITEM)
        .where(ITEM.c.study_id == study_id)
        .order_by(ITEM.c.number, ITEM.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [to_record(row, Item) for row in connection.execute(statement).mappings()]


def of_these(connection: Connection, study_id: UUID, item_ids: Collection[UUID]) -> set[UUID]:
    """Those of them that are items of the study."""
    found: set[UUID] = set()
    for part in in_parts(list(item_ids)):
        mine = (ITEM.c.study_id == study_id) & ITEM.c.id.in_(part)
        found.update(connection.execute(sa.select(ITEM.c.id).where(mine)).scalars())
    return found


def change(
    connection: Connection,
    item_ids: Collection[UUID],
    *,
    archived: bool | None = None,
    tags: Sequence[str] | None = None,
) -> int:
    """Put items away or take them out again, tag them; returns how many there were. What was done with them stays."""
    wanted = {"archived": archived, "tags": None if tags is None else list(tags)}
    values = {key: value for key, value in wanted.items() if value is not None}
    changed = 0
    for part in in_parts(list(item_ids)) if values else ():
        changed += connection.execute(
            sa.update(ITEM).where(ITEM.c.id.in_(part)).values(values)
        ).rowcount
    return changed


def asked(
    connection: Connection, limit: int, sources: Collection[Source] = (Source.REAL,)
) -> list[tuple[str, UUID]]:
    """What people have asked here of their own, each text once with who asked it first, the newest first."""
    statement = (
        sa.select(QUERY.c.text, QUERY.c.person_id)
        .where(
            QUERY.c.source.in_(sorted(sources)),
            QUERY.c.study_id.is_(None),
            QUERY.c.turn == 1,  # a later one says little by itself
        )
        .order_by(QUERY.c.created_ms.desc(), QUERY.c.id)
    )
    first: dict[str, UUID] = {}
    for text, person_id in connection.execute(statement):
        if text not in first and len(first) >= limit:
            break
        first[text] = person_id
    return list(first.items())


def prepared(
    connection: Connection, item_id: UUID, for_person: UUID = EVERYBODY
) -> Sequence[Prepared]:
    """The answers that are there for somebody: what came with the item, what was written for all, what for them."""
    statement = (
        sa.select(PREPARED)
        .where(PREPARED.c.item_id == item_id, PREPARED.c.for_person.in_({EVERYBODY, for_person}))
        .order_by(PREPARED.c.created_ms, PREPARED.c.id)
    )
    return [to_record(row, Prepared) for row in connection.execute(statement).mappings()]


def prepare(connection: Connection, answer: Prepared) -> bool:
    """Store an answer that was written ahead; whether it is the first of its kind, so that it stands.

    False too if the item is gone by now.
    """
    if not existing(connection, ITEM.c.id, [answer.item_id]):
        return False
    row = answer.model_dump() | {"text": storable(answer.text), "error": storable(answer.error)}
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(PREPARED).values(row))
    except sa.exc.IntegrityError:
        return False
    return True


def _digest(new: NewItem) -> str:
    """Of what is asked, without what makes no other question of it: case and white space."""
    plain = " ".join(new.item.text.casefold().split())
    turns = [[each.role, each.content] for each in new.item.history]
    answers = [each.text for each in new.prepared]
    return hashlib.sha256(
        json.dumps([plain, turns, answers]).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _known(connection: Connection, study_id: UUID, digests: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in in_parts(digests):
        mine = (ITEM.c.study_id == study_id) & ITEM.c.digest.in_(part)
        found.update(connection.execute(sa.select(ITEM.c.digest).where(mine)).scalars())
    return found
