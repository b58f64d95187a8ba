"""From what is stored of somebody's judgements to what can be told of their care."""

from collections.abc import Sequence
from uuid import UUID

from app.honesty.work import Said, Work
from app.store import FREE, Connection, Judged, Purpose, work
from rlhb_core.schema.answers import can_win
from rlhb_core.schema.outcomes import ranking
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.signals import KINDS, Signal, SignalKind, blind

CHOICES = {VoteChoice.TIE: Said.TIE, VoteChoice.ALL_BAD: Said.ALL_BAD}

Judgement = tuple[Said, UUID | None]
"""What was said, and of which answer, if of one."""


def work_in(connection: Connection, study_id: UUID, person_id: UUID) -> list[Work]:
    """All that somebody has judged in a study, in the order in which it was shown."""
    found: list[Work] = []
    before: dict[UUID | None, tuple[Said, str | None]] = {}
    for each in work.judged(connection, study_id, person_id):
        judgement = _judgement(each)
        if study_id == FREE and judgement is None:
            continue  # passed over, or taken back
        words = _in_words(each, judgement)
        again = before.get(each.item_id) if each.purpose is Purpose.REPEAT else None
        found.append(
            Work(
                said=judgement[0] if judgement else None,
                seconds=_seconds(each),
                characters=sum({answer.text.strip(): len(answer.text) for answer in each.answers}.values()),
                place=_place(each, judgement),
                sides=len(each.answers),
                right=_right(each, _first(each)),
                same=None if again is None or words is None else words == again,
            )
        )  # fmt: skip
        if each.item_id is not None and each.purpose is not Purpose.REPEAT and words:
            before[each.item_id] = words
    return found


def _judgement(each: Judged) -> Judgement | None:
    """By the last decision that was made blind."""
    found = [_said(signal) for signal in blind(each.decisions)]
    return found[-1] if found else None


def _first(each: Judged) -> Judgement | None:
    """By the first decision that says something: what was found out afterwards makes nobody careful."""
    said = (_said(signal) for signal in blind(each.decisions))
    return next((judgement for judgement in said if judgement), None)


def _said(last: Signal) -> Judgement | None:
    """Of a ranking, who stands first."""
    if KINDS[last.kind].takes_back(last.payload):
        return None
    if last.kind is SignalKind.RANK:
        first, *others = ranking(last.payload)
        alone = len(first) == 1 and others
        return (Said.BEST, first[0]) if alone else (Said.TIE, None)
    choice = VoteChoice(last.payload["choice"])
    if choice is VoteChoice.BEST:
        return Said.BEST, UUID(str(last.payload["best"]))
    return (CHOICES[choice], None) if choice in CHOICES else None


def _seconds(each: Judged) -> float | None:
    """Until it was decided first; where nothing was to be decided, until all had been said."""
    until = each.decisions[0].at_ms if each.decisions else each.ended_ms
    return None if until is None else max(0, until - each.shown_ms) / 1000


def _place(each: Judged, judgement: Judgement | None) -> int | None:
    """Where the chosen answer stood; None where the places were not alike: equal answers stand as one, failed ones
    cannot be chosen.
    """
    texts = {answer.text.strip() for answer in each.answers}
    alike = len(texts) == len(each.answers) and all(
        can_win(answer.outcome, answer.text) for answer in each.answers
    )
    if not alike or judgement is None:
        return None
    return _index(each, judgement[1])


def _right(each: Judged, judgement: Judgement | None) -> bool | None:
    """An answer that says the same as the known best one is as good."""
    best = next((answer for answer in each.answers if answer.wrote == each.gold), None)
    if best is None or judgement is None:
        return None
    return _text(each, judgement[1]) == best.text.strip()


def _in_words(each: Judged, judgement: Judgement | None) -> tuple[Said, str | None] | None:
    """What was said, by the words of the answers: another place, or another answer that says the same, is the same."""
    return None if judgement is None else (judgement[0], _text(each, judgement[1]))


def _text(each: Judged, answer_id: UUID | None) -> str | None:
    index = _index(each, answer_id)
    return None if index is None else each.answers[index].text.strip()


def _index(each: Judged, answer_id: UUID | None) -> int | None:
    ids: Sequence[UUID] = [answer.id for answer in each.answers]
    return ids.index(answer_id) if answer_id in ids else None
