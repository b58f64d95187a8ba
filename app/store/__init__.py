"""The one door to the database.

`Store.open(url)` brings the schema up to date; `with store.writing() as connection:` is one unit of work, and
`with store.reading() as connection:` one that only reads. The nouns are modules of functions that take the connection
first and return core records, never rows:

    with store.writing() as connection:
        queries.add(connection, query)
        signals.record(connection, person_id, batch)

Holds what the rest of the app may use; the rest of this package is private. Knows no web.
"""

from app.store import (
    accounts,
    assignments,
    audit,
    behaviors,
    choices,
    consents,
    contests,
    deployments,
    drafts,
    exports,
    guesses,
    imports,
    invitations,
    items,
    people,
    queries,
    responses,
    runs,
    sessions,
    signals,
    studies,
    summary,
    traces,
    versions,
    work,
)
from app.store.account_records import (
    DRAFT_ABOUT,
    Account,
    AuditEntry,
    AuditKind,
    Consent,
    Draft,
    Invitation,
    Role,
    Session,
    Token,
    Via,
)
from app.store.assignments import Progress
from app.store.choices import Chosen, Decision, Seen
from app.store.clocks import Clocks
from app.store.data_filter import DataFilter
from app.store.engine import Connection, Store, storable
from app.store.errors import (
    BadSignals,
    Busy,
    Conflict,
    Full,
    Lost,
    Refusal,
    StoreError,
    Unavailable,
    UnknownReference,
)
from app.store.items import NewItem
from app.store.migrate import refuse_other_schema
from app.store.segment import Segment, Votes
from app.store.streaming import joined
from app.store.study_records import (
    EVERYBODY,
    FREE,
    Answers,
    Aspect,
    Assignment,
    AssignmentState,
    Audience,
    Drawn,
    Guidelines,
    Item,
    Order,
    Pairs,
    Plan,
    Prepared,
    Purpose,
    Study,
    StudyStatus,
    Threads,
)
from app.store.verify import Problem, missing_wal, verify
from app.store.work import Judged

__all__ = [
    "DRAFT_ABOUT",
    "EVERYBODY",
    "FREE",
    "Account",
    "Answers",
    "Aspect",
    "Assignment",
    "AssignmentState",
    "Audience",
    "AuditEntry",
    "AuditKind",
    "BadSignals",
    "Busy",
    "Chosen",
    "Clocks",
    "Conflict",
    "Connection",
    "Consent",
    "DataFilter",
    "Decision",
    "Draft",
    "Drawn",
    "Full",
    "Guidelines",
    "Invitation",
    "Item",
    "Judged",
    "Lost",
    "NewItem",
    "Order",
    "Pairs",
    "Plan",
    "Prepared",
    "Problem",
    "Progress",
    "Purpose",
    "Refusal",
    "Role",
    "Seen",
    "Segment",
    "Session",
    "Store",
    "StoreError",
    "Study",
    "StudyStatus",
    "Threads",
    "Token",
    "Unavailable",
    "UnknownReference",
    "Via",
    "Votes",
    "accounts",
    "assignments",
    "audit",
    "behaviors",
    "choices",
    "consents",
    "contests",
    "deployments",
    "drafts",
    "exports",
    "guesses",
    "imports",
    "invitations",
    "items",
    "joined",
    "missing_wal",
    "people",
    "queries",
    "refuse_other_schema",
    "responses",
    "runs",
    "sessions",
    "signals",
    "storable",
    "studies",
    "summary",
    "traces",
    "verify",
    "versions",
    "work",
]
