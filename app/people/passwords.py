"""Passwords: argon2id, in a thread of its own, so that fifty people who sign in at once keep nobody from answering.

Parameters: RFC 9106's construction at OWASP's least for servers (19 MiB, 2 passes, 1 lane): 45 ms on one of our cores.
Knows no database.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rlhb_core.errors import RlhbError

SHORTEST, LONGEST = 10, 200

Result = TypeVar("Result")

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# One at a time: half of the smallest machine, whoever comes.
_threads = ThreadPoolExecutor(1, thread_name_prefix="passwords")
NOBODYS = _hasher.hash("of nobody")
"""Compared with where there is no account, so that it takes as long."""

MOST_WAITING = 200
"""Hashes that wait for their turn: ten seconds of work."""
_waiting = 0


class SignInsWait(RlhbError):
    """So many sign in that one more would wait for too long."""

    retry_after_s = 5


class BadPassword(RlhbError):
    """It cannot be anybody's password."""


def check(password: str, name: str = "") -> None:
    """Raise BadPassword for one that is too easy to guess or too long to hash."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(f"a password has between {SHORTEST} and {LONGEST} characters")
    if len(set(password)) < 4 or password.casefold() in (name.casefold(), name.casefold() * 2):
        raise BadPassword("this password is too easy to guess; take another one")


async def hashed(password: str) -> str:
    """What is stored of a password."""
    return await _in_turn(_hasher.hash, password)


async def fits(password: str, stored: str | None) -> bool:
    """Whether it is the password; takes as long where there is none."""
    right = await _in_turn(_verify, stored or NOBODYS, password[: LONGEST + 1])
    return right and stored is not None


def is_old(stored: str) -> bool:
    """Whether it was hashed by other parameters than ours are now."""
    return _hasher.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _in_turn(work: Callable[..., Result], *told: str) -> Result:
    global _waiting
    if _waiting >= MOST_WAITING:
        raise SignInsWait(
            "so many people sign in just now that you would wait for long; try again in a few seconds"
        )
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, *told)
    finally:
        _waiting -= 1
