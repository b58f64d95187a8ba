"""The cookie by which a browser is a person, and the secret that signs it.

Alone on loopback it is all there is: who has it is that person. With accounts it only tells a browser that has been an
account before; what lets somebody in is their session. Knows no database: the person's row is made when they first do
something.
"""

import secrets
from pathlib import Path
from uuid import UUID

from itsdangerous import BadSignature, Signer

from app.data_folder import prepare
from app.settings_rules import SHORTEST_SECRET
from rlhb_core.errors import BadConfig

COOKIE = "rlhb_person"
COOKIE_SECONDS = 365 * 24 * 3600


def load_secret(data_dir: Path) -> str:
    """The secret that signs cookies; made on first use, readable by the owner only.

    Raises BadConfig if it is so short that it could be guessed.
    """
    path = prepare(data_dir) / "cookie-secret"
    if not path.exists():
        draft = data_dir / f".cookie-secret-{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        draft.replace(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    secret = path.read_text(errors="replace")
    if len(secret.strip()) < SHORTEST_SECRET:
        raise BadConfig(
            f"the cookie secret {path} has fewer than {SHORTEST_SECRET} characters, so that anyone could guess it; "
            "put the old file back, or delete it: then a new one is made, and everybody begins as somebody new"
        )
    return secret


class Identities:
    """Signs person ids into cookies and reads them back."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, salt="rlhb.person")

    def cookie_for(self, person_id: UUID) -> str:
        """The cookie's value for this person."""
        return self._signer.sign(str(person_id)).decode()

    def person_of(self, cookie: str) -> UUID | None:
        """The person that a cookie names, or None if it was not signed here."""
        try:
            return UUID(self._signer.unsign(cookie).decode())
        except (BadSignature, ValueError):
            return None
