"""What is over is deleted: sessions, invitations, counted tries, old drafts, and lines of the audit log old enough."""

import asyncio
import logging

from starlette.concurrency import run_in_threadpool

from app.people.guessing import FORGOTTEN_MS
from app.people.people import DAY_MS, HOUR_MS
from app.settings import Settings
from app.store import Store, StoreError, audit, drafts, guesses, invitations, sessions
from rlhb_core.schema.record import now_ms

log = logging.getLogger(__name__)

EVERY_S = 3600.0


def tidy(store: Store, settings: Settings) -> None:
    """Delete what is over now."""
    now = now_ms()
    with store.writing() as connection:
        begun = now - int(settings.session_days * DAY_MS)
        seen = now - int(settings.session_idle_hours * HOUR_MS)
        sessions.forget_old(connection, begun, seen)
        invitations.forget_old(connection)
        guesses.forget_old(connection, now - FORGOTTEN_MS)
        drafts.forget_old(connection)
        audit.forget_old(connection, now - settings.audit_days * DAY_MS)


async def keep_tidy(store: Store, settings: Settings) -> None:
    """Do so now and every hour, until cancelled."""
    while True:
        try:
            await run_in_threadpool(tidy, store, settings)
        except StoreError as error:
            log.warning("what is over could not be deleted now: %s", error)
        await asyncio.sleep(EVERY_S)
