"""What goes with an administrator who is one no longer: the invitations that they made."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from app.people import OPERATOR, Principal, invite, remove, set_active, set_role
from app.store import Account, Connection, Role, Store, Via, accounts, invitations

Ending = Callable[[Connection, Principal, Account], object]


@pytest.mark.parametrize(
    "end",
    [
        lambda connection, by, whom: set_role(connection, by, whom.id, Role.RESEARCHER),
        lambda connection, by, whom: set_active(connection, by, whom.id, active=False),
        lambda connection, by, whom: remove(connection, by, whom.id),
    ],
    ids=["demoted", "deactivated", "removed"],
)
def test_invitations_end_with_whoever_made_them(sqlite_store: Store, end: Ending) -> None:
    ada, ben = (Account(name=n, role=Role.ADMINISTRATOR, person_id=uuid4()) for n in ("Ada", "Ben"))
    with sqlite_store.writing() as connection:
        for each in (ada, ben):
            accounts.add(connection, each, each.name.lower())
            by = Principal(each.person_id, each.role, Via.SESSION, each.name, each.id)
            invite(connection, by, Role.ADMINISTRATOR)
        invite(connection, OPERATOR, Role.ANNOTATOR)
        end(connection, OPERATOR, ada)
        left = invitations.open(connection)
    assert len(left) == 2
    assert ada.id not in {each.made_by for each in left}
