"""What people do with the answers of each version, and how well what they do foresees what they choose."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import orjson
from pydantic import BaseModel

from app.results.reading import standing
from app.results.wanted import Part, Wanted
from app.store import Seen, Store, behaviors, choices
from rlhb_core.results import Foreseen, foresight, share, telling
from rlhb_core.schema.records import AGAIN

SAME = "it is the same of every answer that won or lost"
LENGTHS = 5
"""Groups of about equally long answers, within which length tells nothing."""


class Act(NamedTuple):
    """Something that people do with an answer."""

    name: str
    """As the features call it."""
    label: str
    explicit: bool
    """Said on purpose, to tell what it is worth; otherwise a trace of using it."""
    is_share: bool = True
    """Whether it is done or not, so that a share of answers can be told."""


ACTS = (
    Act("liked", "liked", True),
    Act("disliked", "disliked", True),
    Act("flagged", "reported", True),
    Act("commented", "commented on", True),
    Act("rating", "rated", True, False),
    Act("copied", "copied", False),
    Act("selected", "marked a part of", False),
    Act("shared", "shared", False),
    Act("edited", "edited", False),
    Act("asked_again", "asked again after", False),
    Act("dwell_z", "reading time", False, False),
    Act("read_depth", "depth of reading", False, False),
)
"""What is done. Reading time is that beyond the person's own habit for such a length."""
NAMES = tuple(act.name for act in ACTS)
LENGTH = Act("length", "length", False, False)


class Done(BaseModel):
    """How often something is done with the answers of a version."""

    version: str
    act: str
    label: str
    rate: Part


class Tells(BaseModel):
    """How well an act tells the chosen answer from those passed over: areas under the curve, 0.5 is chance."""

    act: str
    label: str
    explicit: bool
    auc: float | None
    low: float | None
    high: float | None
    within_person: float | None
    within_person_low: float | None
    within_person_high: float | None
    within_length: float | None
    within_length_low: float | None
    within_length_high: float | None
    won: int
    lost: int
    people: int
    why: str


class Foresees(BaseModel):
    """How many choices a kind of feedback foresees, of people whom its weights do not come from."""

    kind: str
    rate: Part
    chance: float


class Acts(BaseModel):
    """What people do."""

    done: list[Done]
    tells: list[Tells]
    foresees: list[Foresees]
    answers: int
    sentences: list[str]
    data: str


class _Read(NamedTuple):
    person: str
    version: str
    vote: str | None
    numbers: list[float]
    length: int


def acts_of(store: Store, wanted: Wanted) -> Acts:
    """Reads every behaviour. Answers read while recording was paused are left out: their silence says nothing."""
    behaviors.refresh(store)
    rows: list[_Read] = []
    foreseen: list[Foreseen] = []
    with store.reading() as connection:
        for each in choices.chosen(connection, wanted.data, wanted.segment, with_features=True):
            answers = standing(each.answers)
            told = [_numbers(answer) for answer in answers]
            rows += [
                _Read(each.person, answer.version, answer.vote, numbers, answer.length)
                for answer, numbers in zip(answers, told, strict=True)
            ]
            if each.purpose != AGAIN and (best := _best(answers)) is not None:
                foreseen.append(Foreseen(each.person, told, best))
    tells = [_tells(at, act, rows) for at, act in enumerate((*ACTS, LENGTH))]
    foresees = _foresees(foreseen)
    return Acts(
        done=list(_done(rows)),
        tells=tells,
        foresees=foresees,
        answers=len(rows),
        sentences=_sentences(tells, foresees),
        data=wanted.data.words(),
    )


def _numbers(answer: Seen) -> list[float]:
    """How much of each act was done, and the length; what was not done is 0."""
    found = orjson.loads(answer.features)
    return [*(float(found.get(name) or 0.0) for name in NAMES), float(answer.length)]


def _best(answers: Sequence[Seen]) -> int | None:
    """Which was chosen alone, of answers by different versions."""
    won = [at for at, answer in enumerate(answers) if answer.vote == "won"]
    versions = {answer.version for answer in answers}
    return won[0] if len(won) == 1 and len(versions) == len(answers) > 1 else None


def _done(rows: Sequence[_Read]) -> Iterator[Done]:
    theirs: dict[str, list[_Read]] = defaultdict(list)
    for row in rows:
        theirs[row.version].append(row)
    for version, those in sorted(theirs.items()):
        persons = [row.person for row in those]
        for at, act in enumerate(ACTS):
            if act.is_share:
                hits = [row.numbers[at] for row in those]
                yield Done(
                    version=version,
                    act=act.name,
                    label=act.label,
                    rate=Part.of(share(hits, persons)),
                )


def _tells(at: int, act: Act, rows: Sequence[_Read]) -> Tells:
    judged = [row for row in rows if row.vote in ("won", "lost")]
    numbers = [row.numbers[at] for row in judged]
    won = [row.vote == "won" for row in judged]
    number: dict[str, int] = {}
    persons = [number.setdefault(row.person, len(number)) for row in judged]
    if len(set(numbers)) < 2:
        numbers, won, persons, judged = [], [], [], []
    raw = telling(numbers, won, persons)
    person = telling(numbers, won, persons, persons)
    length = telling(numbers, won, persons, _by_length([row.length for row in judged]))
    return Tells(
        act=act.name, label=act.label, explicit=act.explicit,
        auc=raw.auc, low=raw.low, high=raw.high,
        within_person=person.auc, within_person_low=person.low, within_person_high=person.high,
        within_length=length.auc, within_length_low=length.low, within_length_high=length.high,
        won=raw.won, lost=raw.lost, people=raw.people, why=raw.why if judged else SAME,
    )  # fmt: skip


def _by_length(lengths: Sequence[int]) -> list[int]:
    if not lengths:
        return []
    cuts = np.quantile(lengths, np.linspace(0, 1, LENGTHS + 1)[1:-1])
    return [int(each) for each in np.searchsorted(cuts, lengths, side="right")]


def _foresees(rows: Sequence[Foreseen]) -> list[Foresees]:
    explicit = [at for at, act in enumerate(ACTS) if act.explicit]
    implicit = [at for at, act in enumerate(ACTS) if not act.explicit]
    kinds = {
        "explicit": explicit,
        "implicit": implicit,
        "both": [*explicit, *implicit],
        "length alone": [len(ACTS)],
    }
    found = []
    for kind, columns in kinds.items():
        rate, chance = foresight(rows, columns)
        found.append(Foresees(kind=kind, rate=Part.of(rate), chance=chance))
    return found


def _sentences(tells: Sequence[Tells], foresees: Sequence[Foresees]) -> list[str]:
    said = []
    known = [each for each in foresees if each.rate.value is not None]
    if known:
        told = ", ".join(f"{each.kind} {each.rate.value:.0%}" for each in known)
        said.append(
            f"What people do foresees what they choose, put to people whom it was not learned from: {told}; "
            f"chance {known[0].chance:.0%}."
        )
    else:
        said.append(
            "Two people and more must have chosen before it can be told what foresees a choice."
        )
    sure = [each for each in tells if each.low is not None and each.high is not None]
    best = [
        each
        for each in sure
        if each.auc is not None and (each.low or 0) > 0.5 and each.act != "length"
    ]
    if best:
        first = max(best, key=lambda each: each.auc or 0)
        said.append(
            f"The clearest sign of a chosen answer is “{first.label}” (area {first.auc:.2f}, {first.low:.2f} to "
            f"{first.high:.2f})."
        )
    return said
