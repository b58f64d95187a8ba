"""Erasing a person: from the store, from the folders of training runs, and unused parts of the database's files."""

import logging
from uuid import UUID

from app.people import People
from app.runs import Training
from app.store import Store, StoreError, accounts, people, traces

log = logging.getLogger(__name__)

ROWS_ONLY = (
    "Everything is deleted. The database server may keep traces in files of its own until it reuses them, "
    "and in its operator's backups."
)
LATER = (
    "Everything is deleted. The database's file may still hold traces of it while others read from it; "
    "they are cleared within minutes, at the latest when the server stops."
)


def erase_person(
    store: Store, training: Training, part: People, person_id: UUID, stays: bool = True
) -> str:
    """Forget all of a person for good; returns what may be left, and for how long.

    stays: whether they go on from here, as whoever had paused (or was not asked yet) does without being recorded.
    """
    with store.reading() as connection:
        marks = traces.marks_of(connection, person_id)
    training.forget(person_id)
    with store.writing() as connection:
        before = people.find(connection, person_id)
        was_excluded = person_id in people.excluded(connection)
        people.erase(connection, person_id)
        account = accounts.by_person(connection, person_id)
        if stays and before is not None and (not before.recording or account is not None):
            again = part.consents.person(person_id)
            recording = again.recording and before.recording
            name = account.name if account else ""
            people.ensure(
                connection, again.model_copy(update={"recording": recording, "display_name": name})
            )
            if was_excluded:  # by somebody else, who had a reason
                people.set_excluded(connection, person_id, True)
    training.forget(person_id)  # again: a run may have begun in between
    return _cleared(store, marks)


def _cleared(store: Store, marks: set[bytes]) -> str:
    """Clear the database's files of what was erased, now or as soon as nobody reads in them; says which."""
    if not store.files():
        return ROWS_ONLY
    try:
        if traces.clear(store, marks):
            return ""
    except StoreError as error:
        log.warning("what was erased is not cleared yet: %s", error)
    traces.clear_later(store, marks)
    return LATER
