"""Guessing is slowed, by name and by address: the first tries are free, each further one has to wait longer.

A browser that has been that account before is counted by itself, so that nobody keeps others out by guessing at their
names. Tries are counted before they are judged, so that a hundred at once are a hundred. Names that nobody has are
counted like the others: from the outside they cannot be told apart.
"""

import hashlib
import hmac

from app.people.places import counted
from app.store import Connection, guesses
from rlhb_core.errors import RlhbError
from rlhb_core.schema.record import now_ms

FORGOTTEN_MS = 15 * 60_000
"""Tries are forgotten after so long without one."""
FREE_BY_NAME, FREE_BY_ADDRESS = 5, 100
"""Tries that need not wait: from one address an office of people may come in at once."""
LONGEST_MS = FORGOTTEN_MS
SKEW_MS = 60_000
"""By how much the clocks of two web processes may differ."""


class TooManyTries(RlhbError):
    """One more has to wait."""

    def __init__(self, wait_ms: int) -> None:
        self.retry_after_s = max(1, -(-wait_ms // 1000))
        wait = "a second" if self.retry_after_s == 1 else f"{self.retry_after_s} seconds"
        super().__init__(
            f"too many tries; wait {wait}, then try again. "
            "An administrator can give you a new password"
        )


class Guesses:
    """The counts, under keys that only this server can make."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def keys(self, name_key: str, address: str, known: bool) -> tuple[str, ...]:
        """Of the name, and of the address. known: whether this browser has been that account before: then of the name
        alone, so that nobody who guesses from the same office keeps it out.
        """
        if known:
            return (self._key("known", name_key),)
        return self._key("name", name_key), self._key("address", counted(address))

    def _key(self, kind: str, value: str) -> str:
        return hmac.new(self._secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def count(connection: Connection, keys: tuple[str, ...]) -> None:
        """Count a try. Raises TooManyTries, and counts nothing, if it came too soon after those before."""
        found = []
        for key, free in sorted(zip(keys, (FREE_BY_NAME, FREE_BY_ADDRESS), strict=False)):
            tries, last_ms = guesses.count(connection, key, now_ms() - FORGOTTEN_MS)
            over = tries - free
            if over >= 0:
                pause_ms = min(1_000 * 2 ** min(over, 20), LONGEST_MS)
                wait_ms = last_ms + pause_ms - now_ms()
                if 0 < wait_ms <= pause_ms + SKEW_MS:  # or else a clock was wrong then
                    raise TooManyTries(wait_ms)
            found.append((key, tries + 1))
        for key, tries in found:
            guesses.note(connection, key, tries)

    @staticmethod
    def worked_out(connection: Connection, keys: tuple[str, ...]) -> None:
        """The try was right: the name begins anew, and the address has one try less."""
        for key in sorted(keys):  # as `count` does, or two who come at once wait for each other
            guesses.give_back(connection, key, None if key == keys[0] else 1)
