"""How an account is made, whichever way somebody came. Holds no way in: that is `entering.py`, or a proxy's word."""

from uuid import UUID, uuid4

from app.people import names, secrets
from app.people.consenting import Consents
from app.people.entering_errors import BadLink, NotInvited
from app.store import Account, Connection, Role, accounts, invitations, people
from rlhb_core.schema.records import Source

NOT_INVITED = "you have no account here yet; ask an administrator for an invitation"


def make(
    connection: Connection,
    consents: Consents,
    browsers_person: UUID | None,
    account: Account,
) -> Account:
    """Store an account, of the person that this browser has been so far if that is nobody else's. Raises Conflict."""
    account = account.model_copy(update={"person_id": _person(connection, browsers_person)})
    accounts.add(connection, account, names.key(account.name))
    people.ensure(connection, consents.person(account.person_id))
    people.rename(connection, account.person_id, account.name)
    if account.role is Role.ADMINISTRATOR:
        invitations.withdraw_first(connection)
    return account


def _person(connection: Connection, browsers_person: UUID | None) -> UUID:
    if browsers_person is None:
        return uuid4()
    found = people.find(connection, browsers_person)
    is_free = accounts.by_person(connection, browsers_person) is None
    return browsers_person if found and found.source is Source.REAL and is_free else uuid4()


def of_subject(connection: Connection, subject: str) -> Account | None:
    """The account of whom a provider or a proxy knows by this; if there is none, only we may make it until the end."""
    account = accounts.by_subject(connection, subject)
    if account is None:
        accounts.lock_newcomers(connection)
        account = accounts.by_subject(connection, subject)
    return account


def newcomer(
    connection: Connection,
    consents: Consents,
    browsers_person: UUID | None,
    name: str,
    subject: str,
    role: Role,
) -> Account:
    """An account for somebody whom a provider or a proxy knows as `subject`."""
    account = Account(
        name=_free_name(connection, name), role=role, person_id=uuid4(), subject=subject
    )
    return make(connection, consents, browsers_person, account)


def role_of_newcomer(connection: Connection, newcomer_role: str, link: str = "") -> Role:
    """What somebody becomes who comes for the first time. Raises BadLink, NotInvited."""
    if link:
        found = invitations.find(connection, secrets.digest(link))
        if found is None or found.account_id or not invitations.use(connection, found.id):
            raise BadLink("this link has been used or is too old; ask for a new one")
        return found.role
    if not newcomer_role:
        raise NotInvited(NOT_INVITED)
    return Role(newcomer_role)


def _free_name(connection: Connection, name: str) -> str:
    """The name that a provider tells, with a number if somebody is called so already."""
    try:
        name = names.written(name[: names.LONGEST])
    except names.BadName:
        name = "somebody"
    number, free = 1, name
    while accounts.by_name(connection, names.key(free)) is not None:
        number += 1
        free = f"{name[: names.LONGEST - 5]} {number}"
    return free
