"""What `rlhb token` and `rlhb invite` do, and exports from a server elsewhere. Prints for people; knows no SQL.

Whoever may read the data folder may make links and tokens here: it is the way back in when nobody can sign in.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from app.commands.here import console, opened
from app.people import OPERATOR, give_token, invite, revoke_token
from app.settings import Settings
from app.store import Role, audit, sessions
from rlhb_core.errors import BadConfig, RlhbError

WORDS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
TIMEOUT_S = 120.0

Chosen = tuple[Sequence[str], str, bool, bool, bool]
"""Which data: sources, since, with people, with excluded people, with what was done while names were in view."""


def days_of(text: str) -> float | None:
    """How many days "90d", "12h", "4w" or "never" is. Raises BadConfig."""
    if text == "never":
        return None
    number, unit = text[:-1], text[-1:]
    if unit in WORDS and number.isdecimal() and int(number) > 0:
        return int(number) * WORDS[unit]
    raise BadConfig("--expires: a number and a unit, such as 12h, 90d or 4w; or never")


def create_token(settings: Settings, name: str, role: Role, expires: str) -> None:
    """Print a new token on the screen; what else there is to say goes beside it."""
    days = days_of(expires)
    with opened(settings, must_exist=True) as store, store.writing() as connection:
        token, secret = give_token(connection, OPERATOR, name, role, days)
    sys.stdout.write(f"{secret}\n")
    until = _day(token.expires_ms) if token.expires_ms else "it is taken back"
    console.print(f"A {role}'s token, {token.id}, good until {until}; it is shown this once.")


def list_tokens(settings: Settings) -> None:
    """One line a token."""
    with opened(settings, must_exist=True) as store, store.reading() as connection:
        names = audit.names(connection)
        found = sessions.tokens(connection)
    for each in found:
        owner = names.get(each.account_id, "nobody") if each.account_id else "command line"
        until = _day(each.expires_ms) if each.expires_ms else "never"
        used = _day(each.used_ms) if each.used_ms else "never"
        sys.stdout.write(
            f"{each.id}  {each.role:13}  {each.name}  ({owner})  expires {until}  last used {used}\n"
        )
    if not found:
        console.print("There are no tokens.")


def revoke(settings: Settings, token_id: UUID) -> None:
    """Take a token back."""
    with opened(settings, must_exist=True) as store, store.writing() as connection:
        revoke_token(connection, OPERATOR, token_id)
    console.print("Taken back.")


def make_invitation(settings: Settings, role: Role, uses: int, hours: float) -> None:
    """Print a link by which people join."""
    with opened(settings) as store, store.writing() as connection:
        given = invite(connection, OPERATOR, role, uses, hours)
    sys.stdout.write(f"{settings.origin}{given.path}\n")
    who = "one person" if uses == 1 else f"{uses} people"
    console.print(
        f"Makes {who} {role}, until {_day(given.invitation.expires_ms)}; it is shown this once."
        + ("" if settings.origin else " Put the address that people open before it.")
    )


def export_from(server: str, token: str, kind: str, chosen: Chosen, out: Path | None) -> None:
    """Write one of the exports of a server elsewhere to a file or to the screen."""
    from app.files import write_lines

    with _asked(server, token, f"/api/data/{kind}.jsonl", _query(*chosen)) as blocks:
        if out is None:
            for block in blocks:
                sys.stdout.buffer.write(block)
            return
        lines = write_lines(out, blocks)
    console.print(f"{lines:,} {kind} of {server} written to {out}")


@contextmanager
def _asked(
    server: str, token: str, path: str, query: Mapping[str, Any]
) -> Iterator[Iterator[bytes]]:
    """What a server sends, as it comes. Raises RlhbError with its sentence if it refuses, or breaks off."""
    from app.crowd import UNKNOWN_THERE, check_address, sentence_of

    check_address(server)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    told = {key: value for key, value in query.items() if value not in (None, "", [], False)}
    try:
        with (
            httpx.Client(base_url=server, headers=headers, timeout=TIMEOUT_S) as client,
            client.stream("GET", path, params=told) as reply,
        ):
            if reply.status_code == 401:
                raise RlhbError(f"the server at {server} has accounts: {UNKNOWN_THERE}")
            if not reply.is_success:
                reply.read()
                raise RlhbError(f"the server at {server} refused: {sentence_of(reply)}")
            yield reply.iter_bytes()
    except httpx.HTTPError as error:
        raise RlhbError(
            f"the server at {server} cannot be reached, or broke off ({type(error).__name__})"
        ) from None


def _query(
    sources: Sequence[str], since: str, with_people: bool, with_excluded: bool, unblinded: bool
) -> dict[str, Any]:
    """A data filter as the API spells it."""
    return {
        "source": [str(each) for each in sources],
        "since": since,
        "with_people": with_people,
        "with_excluded": with_excluded,
        "include_unblinded": unblinded,
    }


def _day(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
