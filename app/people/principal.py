"""Who is asking: the person that it is recorded of, the role, and how they came in. Knows no database."""

from dataclasses import dataclass
from uuid import UUID

from app.store import Role, Via
from rlhb_core.errors import RlhbError


class SignInFirst(RlhbError):
    """Nobody is signed in here."""


class NotAllowed(RlhbError):
    """Whoever is signed in may not do that."""


@dataclass(frozen=True)
class Principal:
    """Somebody, or (with no role) nobody in particular."""

    person_id: UUID
    role: Role | None = None
    via: Via = Via.STRANGER
    name: str = ""
    account_id: UUID | None = None
    session_id: UUID | None = None
    token_id: UUID | None = None
    address: str = ""
    study_id: UUID | None = None
    """The one study that they came for, if it is one."""
    groups: frozenset[str] = frozenset()
    """Groups that they are in, as they are compared."""
    plays: bool = False
    """Whether `person_id` is a simulated person that a program plays."""

    @property
    def plays_oneself(self) -> bool:
        """Whether what is done is of the account's own person, and not of one that a program plays."""
        return self.account_id is not None and not self.plays

    @property
    def is_alone(self) -> bool:
        """Whether there are no accounts here."""
        return self.via in (Via.ALONE, Via.COMMAND)

    def same_as(self) -> tuple[UUID | None, ...]:
        """By what two are the same: whoever was nobody, and is now, is."""
        if self.role is None:
            return ()
        return self.person_id, self.account_id, self.session_id, self.token_id

    @property
    def counted_as(self) -> UUID:
        """Under what it is counted how much somebody does at a time, whomever their programs play."""
        return self.account_id or self.token_id or self.person_id

    def recorded(self) -> UUID:
        """The person whose questions and acts these are. Raises NotAllowed for a token that belongs to nobody."""
        if self.via is Via.TOKEN and self.account_id is None and not self.plays:
            raise NotAllowed(
                "this token was made on the command line and is nobody's: what it asks could not be told from what "
                "people ask; make one under You, or name a simulated person in X-RLHB-Simulated"
            )
        return self.person_id

    def may(self, least: Role | None) -> bool:
        """Whether they have this role at least; None: anyone may."""
        return least is None or (self.role is not None and self.role.includes(least))

    def check(self, least: Role | None) -> None:
        """Raise SignInFirst or NotAllowed unless they have this role at least; None: anyone may."""
        if self.may(least):
            return
        if self.role is None:
            raise SignInFirst("sign in first")
        raise NotAllowed(
            f"this is for {least}s; you are signed in as {_article(self.role)} {self.role}"
        )


def _article(role: Role) -> str:
    return "an" if role[0] in "aeiou" else "a"
