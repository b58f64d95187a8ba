"""The text that people are asked to agree to before their reading is recorded, and what they answered.

The text is the operator's (`consent`), or ours with accounts; its version is a digest of it. While somebody has not
answered, or after a no, their person is not recorded, as if they had paused; and no pause ends but by a yes.
"""

import hashlib
from enum import Enum, auto
from uuid import UUID

from app.settings import Settings
from app.store import Connection, Consent, Store, consents, people
from rlhb_core.errors import BadConfig, RlhbError
from rlhb_core.schema.records import Person, Source

MOST_BYTES = 100_000

OURS = """\
# Before you begin

Your questions, votes and marks are stored: they are what you came to give.

May we record **how you read** as well? That is: when an answer came into view, for how long, how far you scrolled,
what you selected or copied, and whether you asked again.

* **Why**: models learn from it what people do with an answer, beside what they say about it.
* **Where**: in this server's own database. Nothing is sent to anybody else.
* **How long**: until you erase it, or the people who run this server do.
* **How to erase**: under your name, *Erase my data* removes all of it at once. Models that were already trained stay.

You can change your mind at any time: *pause*, at the top of each page.
"""


class Standing(Enum):
    """How somebody stands to the text: nobody asks them, they are still to answer, or they did."""

    NOT_ASKED = auto()
    DUE = auto()
    YES = auto()
    NO = auto()


class OldText(RlhbError):
    """What somebody answered to is not the text any more."""


class Consents:
    """The text that counts now."""

    def __init__(self, settings: Settings) -> None:
        self.text = _text(settings)
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        self.version = digest[:16] if self.text else ""

    def begin(self, store: Store) -> None:
        """Note the text, and ask everybody anew if it is a new one."""
        if self.version:
            with store.writing() as connection:
                consents.ask(connection, self.version, self.text)

    def standing(self, connection: Connection, person: Person) -> Standing:
        """How somebody stands to the text."""
        if not self.version or person.source is Source.SIMULATED:
            return Standing.NOT_ASKED
        said = consents.latest(connection, person.id, self.version)
        if said is None:
            return Standing.DUE
        return Standing.YES if said.agreed else Standing.NO

    def answer(self, connection: Connection, person_id: UUID, version: str, agreed: bool) -> None:
        """Store an answer. Raises OldText if it is about another text."""
        if not self.version:
            raise OldText("nobody is asked for consent here (RLHB_CONSENT)")
        if version != self.version:
            raise OldText(
                "the text has changed since this page was loaded; load it again and answer anew"
            )
        people.ensure(connection, self.person(person_id))
        consents.answer(connection, Consent(person_id=person_id, version=version, agreed=agreed))

    def person(self, person_id: UUID) -> Person:
        """A person as they begin: not recorded before they were asked."""
        return Person(id=person_id, recording=not self.version)


def _text(settings: Settings) -> str:
    if settings.consent is None:
        return OURS if settings.team else ""
    try:
        if settings.consent.stat().st_size > MOST_BYTES:
            raise BadConfig(
                f"the consent text {settings.consent} is longer than {MOST_BYTES:,} bytes"
            )
        return settings.consent.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BadConfig(f"the consent text {settings.consent} cannot be read: {why}") from None
