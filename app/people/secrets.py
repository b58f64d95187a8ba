"""Secrets that are given out once: sessions, links, tokens. Only a digest of them is stored and compared."""

import hashlib
import secrets

TOKEN_PREFIX = "rlhb_"  # noqa: S105 - by which scanners for lost secrets know one of ours


def new(prefix: str = "") -> str:
    """A secret of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of it. No salt: what is drawn from 2^256 cannot be guessed from its digest."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
