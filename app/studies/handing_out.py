"""What somebody is given next: the rules, within one unit of work that holds the person and the study.

Whoever comes is shown what they have in view and have not ended, else what is reserved for them, else what has the
fewest answers. Now and then it is an item that they have done before, or one whose best answer is known. Does not know
how an item becomes a comparison (`showing.py`) nor how answers are written.
"""

import random
from collections.abc import Callable, Sequence
from uuid import UUID

from app.store import (
    Assignment,
    AssignmentState,
    Connection,
    Drawn,
    Item,
    Purpose,
    Study,
    StudyStatus,
    assignments,
    items,
    versions,
)
from app.studies.drawing import Candidate, Duels, drawn, of_versions
from app.studies.errors import StudyClosed
from rlhb_core.errors import NotEnoughData

RESERVED_MS = 10 * 60_000
"""How long an item waits for somebody who has not been shown it yet; longer with every one they are shown."""
BETWEEN = 4
"""Items at least between the two times that somebody is shown the same one."""
MINUTE_MS = 60_000
NEVER_MS = 2**62
"""By then whatever others have in view or reserved has expired."""

Said = Callable[[Study], Duels]
"""How versions have fared against each other in a study so far."""


def check_open(study: Study, now_ms: int) -> None:
    """Raise StudyClosed, in a sentence, unless items are handed out now."""
    if study.status is StudyStatus.DRAFT:
        raise StudyClosed("this study has not begun yet")
    if study.status is StudyStatus.PAUSED:
        raise StudyClosed("this study rests just now; what you did is kept, come back later")
    if study.status is StudyStatus.ENDED or (study.plan.ends_ms or now_ms) < now_ms:
        raise StudyClosed("this study has ended; thank you for your part in it")


def in_view(
    connection: Connection, study: Study, mine: Sequence[Assignment], now_ms: int
) -> Assignment | None:
    """What the person has been shown and not ended, unless others have done it meanwhile."""
    for each in reversed(mine):
        if each.state is AssignmentState.SHOWN and assignments.has_room(
            connection, study, each, now_ms
        ):
            return each
    return None


def waiting(
    connection: Connection, study: Study, mine: Sequence[Assignment], now_ms: int
) -> Assignment | None:
    """What is reserved for them, and still wanted; what is not wanted any more is dropped."""
    for each in mine:
        if each.state is not AssignmentState.RESERVED:
            continue
        item = items.find(connection, each.item_id)
        if item and not item.archived and assignments.has_room(connection, study, each, now_ms):
            return each
        assignments.drop(connection, each.id)
    return None


def reserve(
    connection: Connection,
    study: Study,
    person_id: UUID,
    mine: Sequence[Assignment],
    now_ms: int,
    rng: random.Random,
    duels: Duels | None = None,
) -> Assignment | None:
    """Reserve an item for somebody who has none reserved; None if there is none for them.

    Raises NotEnoughData if no version could answer it.
    """
    most = study.plan.most_per_person
    if (
        most is not None
        and sum(each.state is not AssignmentState.RESERVED for each in mine) >= most
    ):
        return None
    given = len(mine) + 1
    number = max((each.number for each in mine), default=0) + 1
    if _is_due(study.plan.repeats, given, mine, Purpose.REPEAT, rng) and (
        again := _again(connection, study, mine, now_ms, rng)
    ):
        return assignments.add(connection, again.model_copy(update={"number": number}))
    gold = _is_due(study.plan.gold, given, mine, Purpose.GOLD, rng)
    item = assignments.next_item(connection, study, person_id, now_ms, gold=True) if gold else None
    item = item or assignments.next_item(connection, study, person_id, now_ms)
    if item is None:
        return None
    reserved = Assignment(
        study_id=study.id,
        item_id=item.id,
        person_id=person_id,
        number=number,
        purpose=Purpose.PLAIN if item.gold is None else Purpose.GOLD,
        drawn=_drawn(connection, study, item, rng, duels),
        guidelines=study.guidelines,
        reserved_ms=now_ms,
        expires_ms=now_ms + RESERVED_MS,
    )
    return assignments.add(connection, reserved)


def is_over(connection: Connection, study: Study, person_id: UUID) -> bool:
    """Whether nothing will be left for somebody, whatever becomes of what others have in view."""
    mine = assignments.of_person(connection, study.id, person_id)
    most = study.plan.most_per_person
    if most is not None and len(mine) >= most:
        return True
    return assignments.next_item(connection, study, person_id, NEVER_MS) is None


def has_finished(connection: Connection, study: Study, person_id: UUID, now_ms: int) -> bool:
    """Whether nothing is left for somebody, and nothing in view or reserved that is still wanted of them."""
    if not is_over(connection, study, person_id):
        return False
    begun = (AssignmentState.RESERVED, AssignmentState.SHOWN)
    mine = assignments.of_person(connection, study.id, person_id)
    return not any(
        each.state in begun and assignments.has_room(connection, study, each, now_ms)
        for each in mine
    )


def until(study: Study, now_ms: int) -> int:
    """Until when an item that is shown now waits for an answer."""
    return now_ms + round(study.plan.hold_minutes * MINUTE_MS)


def _is_due(
    share: float, given: int, mine: Sequence[Assignment], purpose: Purpose, rng: random.Random
) -> bool:
    """Whether it is time for one of these: never more than one away from the share, and never to be foreseen."""
    so_far = sum(each.purpose is purpose for each in mine)
    return share > 0 and share * given - so_far >= rng.random()


def _again(
    connection: Connection,
    study: Study,
    mine: Sequence[Assignment],
    now_ms: int,
    rng: random.Random,
) -> Assignment | None:
    """An item that the person has done, with the same answers in other places."""
    recent = {each.item_id for each in mine[-BETWEEN:]}
    repeated = {each.item_id for each in mine if each.purpose is Purpose.REPEAT}
    done = [
        each
        for each in mine
        if each.state is AssignmentState.DONE and each.item_id not in recent | repeated
    ]
    rng.shuffle(done)
    for first in done:
        item = items.find(connection, first.item_id)
        if item is None or item.archived:
            continue
        return Assignment(
            study_id=study.id,
            item_id=first.item_id,
            person_id=first.person_id,
            again=first.again + 1,
            purpose=Purpose.REPEAT,
            drawn=rng.sample(first.drawn, len(first.drawn)),
            guidelines=study.guidelines,
            reserved_ms=now_ms,
            expires_ms=now_ms + RESERVED_MS,
        )
    return None


def _drawn(
    connection: Connection, study: Study, item: Item, rng: random.Random, duels: Duels | None
) -> list[Drawn]:
    came = [each for each in items.prepared(connection, item.id) if each.came_with_item]
    candidates = [Candidate(each.version_id, each.nth) for each in came]
    if not came or study.plan.beside_prepared:
        arms = study.plan.arms or [each.id for each in versions.served(connection)]
        candidates += of_versions(arms, study.plan.side_by_side)
    if not candidates:
        raise NotEnoughData(
            "no version answers in this study: choose some for it, or put some into Compare"
        )
    return drawn(candidates, study.plan.side_by_side, rng, duels)
