"""Names that people sign in by: how they are written, and when two are the same. Knows no database."""

import re
import unicodedata

from rlhb_core.errors import RlhbError

LONGEST = 40
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Letters, marks and signs that show nothing, beside all that Unicode calls control, format or unassigned."""


class BadName(RlhbError):
    """Nobody can be called that."""


def written(name: str) -> str:
    """The name as it is stored and shown. Raises BadName.

    Nothing invisible, and nothing that turns the direction of what stands beside it: else two people could look alike.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > LONGEST:
        raise BadName(f"a name has between 1 and {LONGEST} characters")
    if _UNSEEN.search(name) or any(unicodedata.category(each)[0] == "C" for each in name):
        raise BadName("a name has letters, digits and signs only, nothing invisible")
    return name


def key(name: str) -> str:
    """The name as it is compared: without case, and whatever keyboard it was written on. For anything that is typed."""
    name = " ".join(name.replace("\0", "\ufffd").split())  # PostgreSQL stores no zero
    return unicodedata.normalize("NFKC", name).casefold()[:80]
