"""Which versions stand in the side-by-side: put one in, take one out, go back to the set before.

Every change is a new deployment, so nothing is overwritten and going back is one more step forward. A version whose
verdict speaks against it, or shows no gain, needs a second word (`override`).
Does not know how versions are loaded (`serving`).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from app.store import Connection, Store, versions
from rlhb_core.errors import RlhbError
from rlhb_core.schema.records import Deployment, ModelVersion
from rlhb_core.verdict.checks import WORDS


class Offer(NamedTuple):
    """How a version is offered for Compare."""

    kind: Literal["free", "asked", "withheld"]
    """Freely, after a question, or not at all unless somebody insists."""
    button: str
    """What the button says that puts it in."""
    why: str = ""
    """What speaks against it, or does not speak for it; empty if it is offered freely."""


AGAINST = frozenset({"never discriminated", "collapsed", "diverged", "reward hacked"})
"""Verdicts that speak against serving a version."""
UNPROVEN = {"no gain": "Put in without a gain", "not converged yet": "Put in unconverged"}
"""Verdicts that speak neither for it nor against it, and what the button says then."""


def speaks_against(verdict: str) -> str:
    """Why this verdict speaks against serving the version; empty if it does not."""
    return WORDS[verdict] if verdict in AGAINST else ""


def offer(verdict: str) -> Offer:
    """How a version with this verdict is offered; one without a verdict, as a base model, is offered freely."""
    if why := speaks_against(verdict):
        return Offer("withheld", "Override", why)
    if verdict in UNPROVEN:
        return Offer("asked", UNPROVEN[verdict], WORDS[verdict])
    return Offer("free", "Put into Compare")


class CannotDeploy(RlhbError):
    """The set of served versions would be one that nobody can want."""


class NeedsOverride(RlhbError):
    """The version's verdict does not speak for serving it; ask for it with `override` if it is wanted all the same."""


def put_into_compare(store: Store, version_id: UUID, *, override: bool = False) -> Deployment:
    """Serve this version too, from now on. Raises NeedsOverride, saying why, or UnknownReference."""
    with store.writing() as connection:
        version = versions.get(connection, version_id)
        served = [each.id for each in versions.served(connection)]
        if version_id in served:
            raise CannotDeploy(f"{version.name} is in Compare already")
        if not override and (reason := offer(version.verdict).why):
            raise NeedsOverride(f"The verdict on {version.name} is “{version.verdict}”: {reason}")
        return versions.deploy(connection, [*served, version_id], f"put in {version.name}")


def take_out(store: Store, version_id: UUID) -> Deployment:
    """Serve this version no longer. Raises CannotDeploy if it is the last one, or is not served."""
    with store.writing() as connection:
        version = versions.get(connection, version_id)
        served = [each.id for each in versions.served(connection)]
        if version_id not in served:
            raise CannotDeploy(f"{version.name} is not in Compare")
        if len(served) == 1:
            raise CannotDeploy(
                f"{version.name} is the last version in Compare; put another one in before taking it out"
            )
        kept = [each for each in served if each != version_id]
        return versions.deploy(connection, kept, f"took out {version.name}")


def roll_back(store: Store, to: Sequence[UUID] | None = None) -> Deployment:
    """Serve again what was served before the newest change.

    `to` is the set that whoever asks has seen named.
    Raises CannotDeploy if the set before is another one by now, or if there was none.
    """
    with store.writing() as connection:
        before = previous(connection)
        if before is None:
            raise CannotDeploy("no other set of versions was served before this one")
        if to is not None and [version.id for version in before] != list(to):
            raise CannotDeploy(
                "what is in Compare was changed meanwhile, and the set before is another one now; look again"
            )
        names = ", ".join(version.name for version in before)
        return versions.deploy(
            connection, [version.id for version in before], _note("back to ", names)
        )


def previous(connection: Connection) -> Sequence[ModelVersion] | None:
    """The set that was served before the present one; None if there is none.

    Going back twice goes two sets back, not to and fro: a set that was returned to hides all that came after it.
    """
    path: list[list[UUID]] = []
    for deployment in versions.deployments(connection):
        if deployment.note.startswith("back to ") and deployment.served in path:
            del path[path.index(deployment.served) + 1 :]
        else:
            path.append(deployment.served)
    return None if len(path) < 2 else [versions.get(connection, each) for each in path[-2]]


def _note(verb: str, names: str) -> str:
    return (verb + names)[:200]
