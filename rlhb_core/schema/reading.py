"""How the signals of one person become their behaviours: what each act does (`signals.KINDS`),
in the order of the acts.

Does not know who stores signals nor how a behaviour is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from rlhb_core.schema.dwell import standardise_dwell
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.signals import Signal


def summarise(response_id: UUID, signals: Iterable[Signal]) -> BehaviorFeatures:
    """All that one person did with one response.

    `signals`: the person's signals about that response and about its query, in any order; those about other
    responses are ignored. Dwell adds up, depth is the deepest, marks are as they stood last.
    What one query is to a later one is told by the last signal that says so: that is how it is corrected.
    `dwell_z` is left out: it needs the person's other responses (`standardise_dwell`).
    """
    found = BehaviorFeatures()
    ordered = sorted(signals, key=lambda s: (s.at_ms, s.id))
    steps = {signal.facts.leads_to(signal.payload): signal.id for signal in ordered}
    for signal in ordered:
        step = signal.facts.leads_to(signal.payload)
        if signal.response_id in (None, response_id) and (step is None or steps[step] == signal.id):
            signal.facts.effect(found, signal.payload, response_id)
    if found.vote is not None:
        found.left = False
    return found


@dataclass(frozen=True)
class Reading:
    """One person's encounter with one response: the input of `summarise_person`."""

    response_id: UUID
    chars: int
    signals: Sequence[Signal]
    shown_together: int = 1
    """Answers side by side on the page, this one included: they share the reader's attention."""


def summarise_person(readings: Sequence[Reading]) -> list[BehaviorFeatures]:
    """The behaviours of one person, dwell standardised; in the order of `readings`.

    Dwell is compared among encounters with equally many answers side by side: an answer read alone takes its reader
    longer than one of three (on the public log, pooling them lets the AUC fall from 0.66 to 0.58).
    """
    found = [summarise(reading.response_id, reading.signals) for reading in readings]
    timed: dict[int, list[int]] = defaultdict(list)
    for i, features in enumerate(found):
        if features.dwell_ms is not None:
            timed[readings[i].shown_together].append(i)
    for places in timed.values():
        scores = standardise_dwell(
            [found[i].dwell_ms or 0 for i in places], [readings[i].chars for i in places]
        )
        for i, score in zip(places, scores, strict=True):
            found[i].dwell_z = round(score, 4)
    return found
