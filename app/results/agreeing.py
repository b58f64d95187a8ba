"""Do people agree: with each other, with themselves, and with what is known to be the best.

One thing that several people judged is one question with the same answers, word for word.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median

import orjson
from pydantic import BaseModel, Field

from app.results.reading import standing
from app.results.wanted import Part, Wanted
from app.store import Chosen, Decision, Seen, Store, behaviors, choices
from rlhb_core.results import Coefficient, Level, Unit, agreement, alpha, cohen, fleiss, share
from rlhb_core.schema.records import AGAIN

TIE, ALL_BAD = -1, -2
MOST_PAIRS = 50
"""Pairs of people whose kappa is told, those with most in common first."""


class Agreed(BaseModel):
    """One measure of how far people agree."""

    of: str = Field(description="What they said: the choice, or the rating of an aspect.")
    measure: str
    value: float | None = Field(description="null: not defined, for the reason in `why`.")
    low: float | None = None
    high: float | None = None
    n: int = Field(description="Things that at least two people judged.")
    judgements: int
    why: str = ""


class Couple(BaseModel):
    """Two people who judged the same things."""

    one: str
    other: str
    kappa: float | None
    n: int
    why: str


class OnePerson(BaseModel):
    """What one person's choices look like beside the others'. For researchers."""

    person: str = Field(description="Their id.")
    done: int
    seconds: float | None = Field(description="From the question to the choice, half of them less.")
    with_others: Part = Field(description="Said the same as another who judged the same thing.")
    left: Part = Field(description="Chose the leftmost, where one of different answers was chosen.")
    ties: Part = Field(description="Called it a tie.")


class Agreement(BaseModel):
    """Do people agree."""

    measures: list[Agreed]
    itself: Part = Field(description="The same person said the same of what came again.")
    couples: list[Couple]
    people: list[OnePerson]
    sentences: list[str]
    data: str


def agreement_of(store: Store, wanted: Wanted) -> Agreement:
    """Reads every judged answer with a digest of its words."""
    behaviors.refresh(store)
    with store.reading() as connection:
        found = list(
            choices.chosen(
                connection, wanted.data, wanted.segment, with_features=True, with_digests=True
            )
        )
        decided = choices.decisions(connection, wanted.data)
    first = [each for each in found if each.purpose != AGAIN]
    units = _units(first)
    measures = [
        *_choices(list(units.values())),
        *(
            each
            for aspect, rated in sorted(_rated(first).items())
            for each in _ratings(aspect, rated)
        ),
    ]
    itself = _itself(found)
    told = Agreement(
        measures=measures,
        itself=itself,
        couples=_couples(units),
        people=_people(first, units, decided),
        sentences=[],
        data=wanted.data.words(),
    )
    told.sentences = _sentences(told)
    return told


Key = tuple[int, tuple[tuple[str, int], ...]]
"""The question and its answers, whatever their places."""


def _key(each: Chosen, answers: Sequence[Seen]) -> Key:
    return each.digest, tuple(sorted((answer.version, answer.digest) for answer in answers))


def _units(found: Sequence[Chosen]) -> dict[Key, dict[str, float]]:
    """What each person said of each thing."""
    units: dict[Key, dict[str, float]] = defaultdict(dict)
    for each in found:
        answers = standing(each.answers)
        said = _said(answers)
        if said is not None:
            units[_key(each, answers)][each.person] = said
    return units


def _said(answers: Sequence[Seen]) -> float | None:
    """Which answer, counted in the order of versions and words, so that places do not matter; or that it is a tie."""
    if len(answers) < 2:
        return None
    ordered = sorted({(answer.version, answer.digest) for answer in answers})
    won = [answer for answer in answers if answer.vote == "won"]
    if won:
        return float(ordered.index(min((each.version, each.digest) for each in won)))
    votes = {answer.vote for answer in answers}
    return TIE if "tied" in votes else ALL_BAD if "all_bad" in votes else None


def _choices(units: Sequence[Unit]) -> list[Agreed]:
    return [
        _agreed("the choice", "share of pairs that say the same", agreement(units)),
        _agreed("the choice", "Krippendorff's alpha (nominal)", alpha(units)),
        _agreed("the choice", "Fleiss' kappa", fleiss(units)),
    ]


def _rated(found: Sequence[Chosen]) -> dict[str, list[Unit]]:
    """By aspect, how each person rated each answer."""
    rated: dict[str, dict[tuple[int, int], dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for each in found:
        for answer in standing(each.answers):
            if '"ratings":{"' in answer.features:
                for aspect, value in orjson.loads(answer.features)["ratings"].items():
                    rated[aspect][each.digest, answer.digest][each.person] = value
    return {aspect: list(units.values()) for aspect, units in rated.items()}


def _ratings(aspect: str, units: Sequence[Unit]) -> list[Agreed]:
    levels: tuple[Level, ...] = ("ordinal", "interval")
    return [
        _agreed(f"the rating: {aspect}", f"Krippendorff's alpha ({level})", alpha(units, level))
        for level in levels
    ]


def _agreed(of: str, measure: str, found: Coefficient) -> Agreed:
    return Agreed(
        of=of,
        measure=measure,
        value=found.value,
        n=found.n,
        judgements=found.judgements,
        why=found.why,
    )


def _itself(found: Sequence[Chosen]) -> Part:
    """Of what came again, whether it was judged as before."""
    before: dict[tuple[str, Key], float] = {}
    hits: list[bool] = []
    persons: list[str] = []
    for each in found:
        answers = standing(each.answers)
        said, of = _said(answers), (each.person, _key(each, answers))
        if said is None:
            continue
        if each.purpose == AGAIN and of in before:
            hits.append(said == before[of])
            persons.append(each.person)
        before.setdefault(of, said)
    return Part.of(share(hits, persons))


def _couples(units: Mapping[Key, Unit]) -> list[Couple]:
    common: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in units.values():
        for one, other in combinations(sorted(unit), 2):
            common[one, other].append(unit)
    most = sorted(common.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_PAIRS]
    return [
        Couple(one=one, other=other, kappa=found.value, n=found.n, why=found.why)
        for (one, other), shared in most
        for found in [cohen(shared, one, other)]
    ]


def _people(
    found: Sequence[Chosen], units: Mapping[Key, Unit], decided: Mapping[str, Decision]
) -> list[OnePerson]:
    same: dict[str, list[float]] = defaultdict(list)
    for unit in units.values():
        for one, other in combinations(unit, 2):
            for who in (one, other):
                same[who].append(float(unit[one] == unit[other]))
    theirs: dict[str, list[Chosen]] = defaultdict(list)
    for each in found:
        if _said(standing(each.answers)) is not None:
            theirs[each.person].append(each)
    rows = [_person(who, each, same[who], decided) for who, each in theirs.items()]
    return sorted(rows, key=lambda row: (-row.done, row.person))


def _person(
    who: str, found: Sequence[Chosen], same: Sequence[float], decided: Mapping[str, Decision]
) -> OnePerson:
    left, ties, seconds = [], [], []
    for each in found:
        answers = standing(each.answers)
        votes = [answer.vote for answer in answers]
        ties.append(float("tied" in votes))
        if votes.count("won") == 1 and len({answer.digest for answer in answers}) == len(answers):
            left.append(float(min(answers, key=_place).vote == "won"))
        if at := decided.get(each.query_id):
            seconds.append(max(0, at.at_ms - each.shown_ms) / 1000)
    return OnePerson(
        person=who,
        done=len(found),
        seconds=median(seconds) if seconds else None,
        with_others=Part.of(share(same, [who] * len(same))),
        left=Part.of(share(left, [who] * len(left))),
        ties=Part.of(share(ties, [who] * len(ties))),
    )


def _place(answer: Seen) -> int:
    return answer.position if answer.position is not None else 0


def _sentences(told: Agreement) -> list[str]:
    same, nominal = told.measures[0], told.measures[1]
    if same.value is None:
        return [
            f"Nothing can be said of how far people agree: {same.why}. A study with two people per item tells it."
        ]
    said = [
        f"Of {same.n:,} things that several people judged, two of them say the same in {same.value:.0%} of the cases."
    ]
    if nominal.value is None:
        said.append(f"What that is beyond chance is not defined: {nominal.why}.")
    else:
        said.append(
            f"Beyond chance that is {nominal.value:.2f} of what is possible: {_word(nominal.value)}."
        )
    if told.itself.value is not None:
        said.append(
            f"Of {told.itself.n:,} that came again to the same person, {told.itself.value:.0%} were judged as before."
        )
    return said


def _word(value: float) -> str:
    """After Krippendorff (2004): 0.8 to rely on, 0.667 for tentative conclusions."""
    if value >= 0.8:
        return "enough to rely on"
    if value >= 0.667:
        return "enough for tentative conclusions"
    if value > 0.1:
        return "less than conclusions about single answers ask for; averages over many can still be sure"
    return "hardly more than chance"
