"""Simulated annotators: programs that use a server by the same HTTP API as people, and say that they are simulated.

`reach` and `within` find the server, `collect` lets them ask, read, react and vote. Does not know what they like
(`rlhb_core.world`), nor anything of the app that its API does not tell.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.crowd.annotators import Collected, collect
from app.crowd.reaching import (
    UNKNOWN_THERE,
    Reached,
    check_address,
    forgetful_client,
    reach,
    sentence_of,
    within,
)

__all__ = [
    "UNKNOWN_THERE",
    "Collected",
    "Reached",
    "check_address",
    "collect",
    "forgetful_client",
    "reach",
    "sentence_of",
    "within",
]
