"""What is left of an erased person in a database once their rows are gone, and getting rid of it.

SQLite overwrites what is deleted (secure_delete), but its `-wal` keeps older pages until it is emptied, and a page that
was split long ago may keep a copy in its unused part: so the `-wal` is emptied, the files are searched, and only if
something is found the database is written anew (VACUUM). The search runs in another process, because opening the file
in this one would drop SQLite's locks. On Postgres only the rows are deleted: its files are its own, and its operator's.
Knows no web.
"""

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from app.store.account_tables import ACCOUNT, DRAFT
from app.store.engine import Connection
from app.store.errors import StoreError
from app.store.study_tables import ITEM, PREPARED
from app.store.tables import PERSON, QUERY, RESPONSE, SIGNAL
from rlhb_core.schema.signals import SignalKind

if TYPE_CHECKING:
    from app.store.engine import Store

log = logging.getLogger(__name__)

SHORTEST = 8
"""Fewer characters in a row than this prove nothing."""
LONGEST = 48
"""A longer text is looked for by its beginning, its middle and its end."""
PAUSE_S = 5.0
TRIES = 120
"""Between and of attempts in the background, while somebody else reads."""

_SEARCH = """
import json, sys
files, marks = json.load(sys.stdin)
marks = {bytes.fromhex(each) for each in marks}
keep, found = max(map(len, marks), default=1), set()
for file in files:
    try:
        with open(file, "rb") as content:
            tail = b""
            while block := content.read(1 << 22):
                block = tail + block
                found |= {each for each in marks - found if each in block}
                tail = block[-keep:]
    except FileNotFoundError:
        pass
print(json.dumps([each.hex() for each in found]))
"""


def marks_of(connection: Connection, person_id: UUID) -> set[bytes]:
    """What to look for later: pieces of what the person wrote, and their id. Ask before erasing."""
    texts = set(
        connection.execute(sa.select(QUERY.c.text).where(QUERY.c.person_id == person_id)).scalars()
    )
    name = connection.execute(
        sa.select(PERSON.c.display_name).where(PERSON.c.id == person_id)
    ).scalar()
    texts.add(name or "")
    wrote = sa.select(SIGNAL.c.payload).where(
        SIGNAL.c.person_id == person_id,
        SIGNAL.c.kind.in_([SignalKind.EDIT, SignalKind.CRITIQUE, SignalKind.MARK]),
    )
    for payload in connection.execute(wrote).scalars():
        texts.update(each for each in payload.values() if isinstance(each, str))
    return {piece for text in texts for piece in _pieces(text)} | {person_id.hex.encode()}


def _pieces(text: str) -> Iterator[bytes]:
    """Parts of a text that stand in a file as they are, also where it is written as JSON."""
    plain = max(re.split(r'[\\"\x00-\x1f]', text), key=len).strip()
    if len(plain) < SHORTEST:
        return
    middle = len(plain) // 2
    for part in (plain[:LONGEST], plain[middle : middle + LONGEST], plain[-LONGEST:]):
        if len(part) >= SHORTEST:
            yield part.encode()


_SAID = (
    QUERY.c.text, PERSON.c.display_name, ACCOUNT.c.name, DRAFT.c.text, ITEM.c.text, PREPARED.c.text, RESPONSE.c.text,
)  # fmt: skip
_SAID_IN_JSON = (SIGNAL.c.payload, QUERY.c.history, RESPONSE.c.history, ITEM.c.history)
"""Wherever words of somebody stand."""


def of_others(connection: Connection, marks: set[bytes]) -> set[bytes]:
    """Those of the marks that somebody who is still here said too: they stay where they are theirs."""
    found = set()
    for mark in marks:
        text = mark.decode()
        for column in (*_SAID, *(sa.cast(each, sa.Text) for each in _SAID_IN_JSON)):
            if connection.execute(sa.select(1).where(_contains(column, text)).limit(1)).first():
                found.add(mark)
                break
        else:
            if (
                len(text) == 32
                and connection.execute(
                    sa.select(1).where(sa.cast(PERSON.c.id, sa.String) == text)
                ).first()
            ):
                found.add(mark)
    return found


def _contains(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    return column.contains(text, autoescape=True)


def clear(store: "Store", marks: set[bytes]) -> bool:
    """Empty the `-wal` and make sure that nothing is found; whether that could be done now."""
    if not store.files():
        return True
    if not store.empty_wal():
        return False
    if not _left(store, marks):
        return True
    log.info("writing the database anew, because unused parts of it still held what was erased")
    store.write_anew()
    return store.empty_wal() and not _left(store, marks)


def _left(store: "Store", marks: set[bytes]) -> set[bytes]:
    """Those of the marks that are found and that nobody else said."""
    found = _found(store.files(), marks)
    if not found:
        return found
    with store.reading() as connection:
        return found - of_others(connection, found)


def _found(files: Sequence[str], marks: set[bytes]) -> set[bytes]:
    told = json.dumps([list(files), [each.hex() for each in marks]])
    ran = subprocess.run(  # noqa: S603 - what is sought goes by a pipe: no list of processes shows it
        [sys.executable, "-I", "-S", "-c", _SEARCH],
        input=told, text=True, capture_output=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise StoreError("the database's files could not be searched for what was erased")
    return {bytes.fromhex(each) for each in json.loads(ran.stdout)}


def clear_later(store: "Store", marks: set[bytes]) -> None:
    """Try again in the background until it is done."""
    threading.Thread(target=_try, args=(store, marks), name="traces", daemon=True).start()


def _try(store: "Store", marks: set[bytes]) -> None:
    for _ in range(TRIES):
        time.sleep(PAUSE_S)
        try:
            if clear(store, marks):
                log.info("what was erased is now gone from the database's files too")
                return
        except Exception:
            log.exception(
                "what was erased could not be cleared from the database's files; trying again"
            )
    log.error("what was erased is still in the database's files; it goes when the server stops")
