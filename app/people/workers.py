"""Workers of a platform outside (Prolific, Mechanical Turk): each who comes by a study's link has an account of it.

A link is signed, either for one worker or for whoever brings a name, as platforms fill theirs in. Knows no study.
"""

from uuid import UUID

from itsdangerous import Signer

WHOEVER = ""
"""In place of a worker's name, in the signature of a link that is good for all."""
ANY_LINK, OWN_LINK = "worker", "own-link"
"""By what kind of link a worker came first."""
LONGEST = 120
"""Characters of the name by which a platform knows a worker."""
MOST = 10_000
"""Workers that come to one study: whoever has its link could be as many as they like."""


def key(secret: str, study_id: UUID, number: int, worker: str = WHOEVER) -> str:
    """The signature of a study's link. `number`: raised, it makes all links that were given out lead nowhere."""
    signer = Signer(secret, salt="rlhb.worker")
    return signer.get_signature(f"{study_id}\n{number}\n{worker}").decode()


def fits(secret: str, shown: str, study_id: UUID, number: int, worker: str = WHOEVER) -> bool:
    """Whether a key was given out for this study, and for this worker alone; or for whoever comes."""
    signer = Signer(secret, salt="rlhb.worker")
    return signer.verify_signature(f"{study_id}\n{number}\n{worker}", shown)


def subject_of(study_id: UUID, worker: str, has_own_link: bool = False) -> str:
    """By what the account of a worker is known. One who came by a link of their own is let in by no other."""
    return f"{OWN_LINK if has_own_link else ANY_LINK}:{study_id}:{worker}"


def study_of(subject: str | None) -> UUID | None:
    """The study that somebody has come for; None for those who are no workers."""
    kind, _, rest = (subject or "").partition(":")
    return UUID(rest[:36]) if kind in (ANY_LINK, OWN_LINK) else None


def name_of(subject: str | None) -> str:
    """The name by which the platform knows them; empty for those who are no workers."""
    return (subject or "").split(":", 2)[2] if study_of(subject) else ""
