"""People: who comes in and by what, what their role allows, what is noted of it, and what they agreed to.

`People` tells who is asking, `PeopleDoor` lets every request through or not, `Entering` are the ways in. Which role a
route or an event takes is one table, in `roles.py`. Knows no page and no route by more than its address.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.people.auditing import note, note_alone, note_settings
from app.people.consenting import Consents, OldText, Standing
from app.people.door import PeopleDoor
from app.people.entering import Entered, Entering, WorkLink
from app.people.entering_errors import BadLink, Deactivated, NotInvited, WrongPassword
from app.people.guessing import TooManyTries
from app.people.identity import COOKIE, Identities, load_secret
from app.people.managing import (
    Given,
    end_sessions,
    first_link,
    give_token,
    invite,
    remove,
    rename,
    reset,
    revoke_token,
    set_active,
    set_groups,
    set_role,
    tokens_of,
    withdraw,
)
from app.people.names import key as name_key
from app.people.openid import SECONDS as OPENID_SECONDS
from app.people.openid import NoOpenId, NoProvider, NotVouchedFor, OpenId
from app.people.passwords import SignInsWait
from app.people.people import OPERATOR, SIMULATED, People, Visitor, simulated, vouched
from app.people.principal import NotAllowed, Principal, SignInFirst
from app.people.roles import ANYONE, EVENTS, PAGES, ROUTES, least_for, least_for_event
from app.people.tidying import keep_tidy
from app.people.workers import LONGEST as LONGEST_WORKER
from app.people.workers import WHOEVER
from app.people.workers import key as key_of_work
from app.people.workers import name_of as worker_named

__all__ = [
    "ANYONE",
    "COOKIE",
    "EVENTS",
    "LONGEST_WORKER",
    "OPENID_SECONDS",
    "OPERATOR",
    "PAGES",
    "ROUTES",
    "SIMULATED",
    "WHOEVER",
    "BadLink",
    "Consents",
    "Deactivated",
    "Entered",
    "Entering",
    "Given",
    "Identities",
    "NoOpenId",
    "NoProvider",
    "NotAllowed",
    "NotInvited",
    "NotVouchedFor",
    "OldText",
    "OpenId",
    "People",
    "PeopleDoor",
    "Principal",
    "SignInFirst",
    "SignInsWait",
    "Standing",
    "TooManyTries",
    "Visitor",
    "WorkLink",
    "WrongPassword",
    "end_sessions",
    "first_link",
    "give_token",
    "invite",
    "keep_tidy",
    "key_of_work",
    "least_for",
    "least_for_event",
    "load_secret",
    "name_key",
    "note",
    "note_alone",
    "note_settings",
    "remove",
    "rename",
    "reset",
    "revoke_token",
    "set_active",
    "set_groups",
    "set_role",
    "simulated",
    "tokens_of",
    "vouched",
    "withdraw",
    "worker_named",
]
