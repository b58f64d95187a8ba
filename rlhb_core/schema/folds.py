"""Which answers of a query are one, and what a person's signals then say about each.

Equal answers are read as one, so all that is done with one of them is about all. A vote for an answer that failed or
said nothing tells nothing about any, nor does one where all answers read the same, unless they are all bad; whether an
answer that failed was passed over tells nothing about it.
Pure; does not know which signals are left out for the reveal (`behaviors.blind`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from rlhb_core.schema.answers import can_win, failed, folded
from rlhb_core.schema.records import Outcome, Signal, SignalKind, VoteChoice


@dataclass(frozen=True)
class Answer:
    """A finished answer, its text as a digest: enough to tell which are equal."""

    id: UUID
    chars: int
    said: str
    """Digest of the text without the white space around it; empty if nothing was said."""
    outcome: Outcome
    created_ms: int
    regenerated: bool = False


def digest(text: str) -> str:
    """What stands for the text where only equality matters."""
    said = text.strip()
    return blake2b(said.encode("utf-8", "surrogatepass")).hexdigest() if said else ""


class Folds:
    """The answers to one query, the equal ones as one."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = answers
        self._first = folded((each.id, each.outcome, each.said) for each in answers)
        self._winnable = {each.id for each in answers if can_win(each.outcome, each.said)}
        self._failed = {each.id for each in answers if failed(each.outcome, each.said)}

    def of(self, answer: UUID) -> UUID:
        """The answer that stands for this one: the first with its text."""
        return self._first.get(answer, answer)

    @property
    def together(self) -> int:
        """How many different answers stood side by side."""
        return len({self.of(each.id) for each in self.answers if not each.regenerated})

    def about(self, answer: UUID, signals: Sequence[Signal]) -> list[Signal]:
        """Those of the query's signals that tell something of the answer, as if all had named `of(answer)`."""
        told = [self._renamed(signal) for signal in signals]
        says = answer not in self._failed and self._is_choice(told)
        return [
            signal
            for signal in told
            if signal.response_id in (None, self.of(answer))
            and (says or signal.kind is not SignalKind.VOTE)
        ]

    def _is_choice(self, signals: Sequence[Signal]) -> bool:
        """Whether the vote that counts, the last one, tells something."""
        votes = [signal for signal in signals if signal.kind is SignalKind.VOTE]
        if not votes:
            return False
        vote = max(votes, key=lambda vote: (vote.at_ms, vote.id)).payload
        if vote["choice"] == VoteChoice.BEST and UUID(str(vote["best"])) not in self._winnable:
            return False
        return vote["choice"] == VoteChoice.ALL_BAD or len(set(self._first.values())) > 1

    def _renamed(self, signal: Signal) -> Signal:
        changed: dict[str, Any] = {}
        if signal.response_id is not None and self.of(signal.response_id) != signal.response_id:
            changed["response_id"] = self.of(signal.response_id)
        best = signal.payload.get("best") if signal.kind is SignalKind.VOTE else None
        if best is not None and self.of(UUID(str(best))) != UUID(str(best)):
            changed["payload"] = signal.payload | {"best": str(self.of(UUID(str(best))))}
        return signal.model_copy(update=changed) if changed else signal
