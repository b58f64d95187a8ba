"""Names that people sign in by: how they are written, and when two are the same. Knows no database."""

import unicodedata

from rlhb_core.errors import RlhbError

LONGEST = 40


class BadName(RlhbError):
    """Nobody can be called that."""


def written(name: str) -> str:
    """The name as it is stored and shown. Raises BadName.

    Nothing invisible, and nothing that turns the direction of what stands beside it: else two people could look alike.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > LONGEST:
        raise BadName(f"a name has between 1 and {LONGEST} characters")
    if any(unicodedata.category(each)[0] == "C" for each in name):
        raise BadName("a name has letters, digits and signs only, nothing invisible")
    return name


def key(name: str) -> str:
    """The name as it is compared: without case, and whatever keyboard it was written on."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()[:80]
