"""The outcomes of a comparison, votes and rankings: what they do to a behaviour, and of which responses they speak.

Does not know the other acts, nor which outcome of several counts.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.payloads import Payload, VoteChoice


def voted(found: BehaviorFeatures, payload: Payload, response_id: UUID) -> None:
    """Chosen it won, passed over it lost."""
    found.strength, found.place = payload.get("strength"), None
    match payload["choice"]:
        case VoteChoice.BEST:
            found.vote = "won" if str(payload["best"]) == str(response_id) else "lost"
        case VoteChoice.TIE:
            found.vote = "tied"
        case VoteChoice.ALL_BAD:
            found.vote = "all_bad"
        case _:
            found.vote = None


def ranked(found: BehaviorFeatures, payload: Payload, response_id: UUID) -> None:
    """Alone at the top it won; beside others there it tied; below it lost; one that was not ranked did nothing."""
    groups = enumerate(ranking(payload), start=1)
    place, group = next((each for each in groups if response_id in each[1]), (None, []))
    found.strength, found.place = None, place
    if place == 1:
        found.vote = "tied" if len(group) > 1 else "won"
    else:
        found.vote = "lost" if place else None


def chosen(payload: Payload) -> set[UUID]:
    """The response that a vote is for, if it is for one."""
    return set() if payload.get("best") is None else {UUID(str(payload["best"]))}


def chosen_again(payload: Payload, of: Callable[[UUID], UUID]) -> dict[str, Any]:
    """What changes in a vote whose response stands for another one."""
    best = chosen(payload)
    return {"best": str(of(best.pop()))} if best else {}


def ranking(payload: Payload) -> list[list[UUID]]:
    """The responses of a ranking, best first, those in one list equal."""
    return [[UUID(str(each)) for each in group] for group in payload["order"]]


def all_ranked(payload: Payload) -> set[UUID]:
    """Every response of a ranking."""
    return {each for group in ranking(payload) for each in group}


def ranked_first(payload: Payload) -> set[UUID]:
    """Those that a ranking calls better than another one."""
    first, *others = ranking(payload)
    return set(first) if others else set()


def ranked_again(payload: Payload, of: Callable[[UUID], UUID]) -> dict[str, Any]:
    """A response that two names mean now stands where the better of them stood."""
    met: set[UUID] = set()
    groups = []
    for group in ranking(payload):
        kept = [each for each in dict.fromkeys(map(of, group)) if each not in met]
        met |= set(kept)
        groups += [[str(each) for each in kept]] if kept else []
    return {"order": groups}
