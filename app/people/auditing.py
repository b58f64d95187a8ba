"""What is noted in the audit log: by whom, how they had come in, from where. Never what somebody asked or was answered.

A line is written in the unit of work of what it tells of, where there is one: neither is there without the other.
"""

import hmac
from typing import Any
from uuid import UUID

from app.people.places import shortened
from app.people.principal import Principal
from app.settings import SECRETS, Settings
from app.store import AuditEntry, AuditKind, Connection, Store, Via, audit


def note(
    connection: Connection,
    who: Principal,
    kind: AuditKind,
    about_id: UUID | None = None,
    **what: Any,
) -> None:
    """Append a line. `what` holds names, numbers and ids only."""
    entry = AuditEntry(
        kind=kind,
        via=who.via,
        account_id=who.account_id,
        token_id=who.token_id,
        about_id=about_id,
        address=shortened(who.address) if who.address else "",
        what=what,
    )
    audit.add(connection, entry)


def note_alone(
    store: Store, who: Principal, kind: AuditKind, about_id: UUID | None = None, **what: Any
) -> None:
    """Append a line in a unit of work of its own, where the act has none that it could share."""
    with store.writing() as connection:
        note(connection, who, kind, about_id, **what)


def note_settings(store: Store, settings: Settings, secret: str) -> None:
    """Note which settings differ from those of the last start, secrets by the word "changed" only."""
    now = {name: str(value) for name, value in settings.model_dump().items()}
    hidden = {name.removeprefix("RLHB_").lower() for name in SECRETS}
    with store.writing() as connection:
        lines = audit.newest(connection, limit=1, kind=AuditKind.SETTINGS)
        before = lines[0].what.get("all", {}) if lines else {}
        shown = {n: (_marked(value, secret) if n in hidden else value) for n, value in now.items()}
        changed = {
            name: "changed" if name in hidden else [before.get(name), value]
            for name, value in shown.items()
            if before.get(name) != value
        }
        if changed:
            entry = AuditEntry(
                kind=AuditKind.SETTINGS,
                via=Via.SERVER,
                what={"changed": sorted(changed) if not before else changed, "all": shown},
            )
            audit.add(connection, entry)


def _marked(value: str, secret: str) -> str:
    """A mark by which it is seen whether a setting has changed; without the server's secret nobody can guess at it."""
    return hmac.new(secret.encode(), value.encode(), "sha256").hexdigest()[:8] if value else ""
