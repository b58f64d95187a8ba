"""Which answers of a query are one, and what a person's signals then say about each.

Equal answers are read as one, so all that is done with one of them is about all. A vote for an answer that failed or
said nothing tells nothing about any, nor does one where all answers read the same, unless they are all bad; whether an
answer that failed was passed over tells nothing about it.
Pure; does not know which signals are left out for the reveal (`signals.blind`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from rlhb_core.schema.answers import can_win, failed, folded
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import Signal


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
    lead: int = 0
    """White space before the text, in characters."""


def digest(text: str) -> str:
    """What stands for the text where only equality matters."""
    said = text.strip()
    return blake2b(said.encode("utf-8", "surrogatepass")).hexdigest() if said else ""


class Folds:
    """The answers to one query, the equal ones as one."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = answers
        self._lead = {each.id: each.lead for each in answers}
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

    def later(self, answer: UUID) -> int:
        """How many characters later its text begins than that of the answer that stands for it."""
        return self._lead.get(answer, 0) - self._lead.get(self.of(answer), 0)

    def about(self, answer: UUID, signals: Sequence[Signal]) -> list[Signal]:
        """Those of the query's signals that tell something of the answer, as if all had named `of(answer)`."""
        told = [self._renamed(signal) for signal in signals]
        says = answer not in self._failed and self._is_decided(told)
        return [
            signal
            for signal in told
            if signal.response_id in (None, self.of(answer)) and (says or not signal.facts.decides)
        ]

    def _is_decided(self, signals: Sequence[Signal]) -> bool:
        """Whether the outcome that counts, the last one, tells something."""
        said = [signal for signal in signals if signal.facts.decides]
        if not said:
            return False
        last = max(said, key=lambda signal: (signal.at_ms, signal.id))
        if not self._winnable.issuperset(last.facts.puts_first(last.payload)):
            return False
        is_all_bad = last.payload.get("choice") == VoteChoice.ALL_BAD
        return is_all_bad or len(set(self._first.values())) > 1

    def _renamed(self, signal: Signal) -> Signal:
        changed: dict[str, Any] = {}
        renamed = signal.facts.renamed(signal.payload, self.of)
        if signal.response_id is not None and self.of(signal.response_id) != signal.response_id:
            changed["response_id"] = self.of(signal.response_id)
            if later := self.later(signal.response_id):
                renamed |= signal.facts.moved(signal.payload, -later)
        if renamed:
            changed["payload"] = signal.payload | renamed
        return signal.model_copy(update=changed) if changed else signal
