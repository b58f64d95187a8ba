"""What sways people beside the version: where an answer stood, how long it is, whether it was there first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from app.results.reading import Read, Reading, read
from app.results.wanted import Part, Wanted
from app.store import Decision, Seen, Store, behaviors, choices
from rlhb_core.results import share

PLACES = {2: ("left", "right"), 3: ("left", "middle", "right")}
RATIOS = (
    (1.0, 1.1, "about as long"), (1.1, 1.5, "a little longer"), (1.5, 2.0, "half as long again"),
    (2.0, 4.0, "twice as long"), (4.0, float("inf"), "four times as long"),
)  # fmt: skip
"""The longer answer of two against the shorter one."""


class Sway(BaseModel):
    """How often something was chosen, against what chance would give."""

    what: str
    rate: Part
    chance: float | None = Field(description="null: chance says nothing of it.")
    sways: bool | None = Field(
        description="Whether chance lies outside the interval; null: unknown."
    )


class Bias(BaseModel):
    """One thing that may sway people."""

    name: str
    title: str
    rows: list[Sway]
    sentence: str


class Biases(BaseModel):
    """What sways people."""

    biases: list[Bias]
    comparisons: int = Field(description="In which one of different answers was chosen.")
    people: int
    data: str


def biases_of(store: Store, wanted: Wanted) -> Biases:
    """Comparisons in which one answer was chosen alone; rankings count by who stands first."""
    behaviors.refresh(store)
    with store.reading() as connection:
        found = read(choices.chosen(connection, wanted.data, wanted.segment))
        decided = choices.decisions(connection, wanted.data)
    rows = [row for row in found.rows if _is_plain(row)]
    told = [
        _by_place(rows),
        _by_length(rows),
        _by_first(rows),
        _early(found, decided),
    ]
    return Biases(
        biases=told,
        comparisons=len(rows),
        people=len({row.choice.person for row in rows}),
        data=wanted.data.words(),
    )


def _is_plain(row: Read) -> bool:
    """One was chosen of answers that differ; those of one length may be the same words, so they are left out."""
    lengths = {each.length for each in row.answers}
    first = row.choice.groups[0]
    return len(first) == 1 and len(lengths) == len(row.answers)


def _best(row: Read) -> Seen:
    return next(each for each in row.answers if each.version == row.choice.groups[0][0])


def _by_place(rows: Sequence[Read]) -> Bias:
    found = []
    for size, names in PLACES.items():
        those = [
            row for row in rows
            if sorted(each.position for each in row.answers if each.position is not None) == list(range(size))
            and len(row.answers) == size
        ]  # fmt: skip
        for place, name in enumerate(names):
            hits = [(float(_best(row).position == place), row.choice.person) for row in those]
            found.append(_sway(f"{name} of {size}", hits, 1 / size))
    return Bias(
        name="place",
        title="Where it stood",
        rows=[row for row in found if row.rate.n],
        sentence=_sentence(
            found,
            "the place",
            "Chosen answers stand {what} in {rate} of the cases; chance gives {chance}.",
        ),
    )


def _by_length(rows: Sequence[Read]) -> Bias:
    """Of the chosen answer and each that was passed over, whether the longer one was chosen."""
    hits: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        best = _best(row)
        for other in row.answers:
            if other is not best:
                short, long = sorted((best.length, other.length))
                ratio = (long + 1) / (short + 1)
                name = next(name for low, high, name in RATIOS if low <= ratio < high)
                hits[name].append((float(best.length > other.length), row.choice.person))
    found = [_sway("longer at all", [each for some in hits.values() for each in some], 0.5)]
    found += [_sway(name, hits[name], 0.5) for *_, name in RATIOS if hits[name]]
    return Bias(
        name="length",
        title="How long it is",
        rows=[row for row in found if row.rate.n],
        sentence=_sentence(
            found[:1],
            "the length",
            "Of two answers the longer one is chosen in {rate} of the cases.",
        ),
    )


def _by_first(rows: Sequence[Read]) -> Bias:
    """Those that were written while somebody waited: answers that were there before were all there at once."""
    hits: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        times = [each.done_ms for each in row.answers]
        if len(set(times)) == len(times) and min(times) > row.chosen.shown_ms:
            first = min(row.answers, key=lambda each: each.done_ms)
            hits[len(times)].append((float(_best(row) is first), row.choice.person))
    found = [_sway(f"first of {size}", hits[size], 1 / size) for size in sorted(hits)]
    return Bias(
        name="first",
        title="Which was written first",
        rows=found,
        sentence=_sentence(
            found,
            "being there first",
            "The one that was {what} is chosen in {rate} of the cases; chance gives {chance}.",
        ),
    )


def _early(found: Reading, decided: Mapping[str, Decision]) -> Bias:
    """Choices made before all answers were there, beside the others."""
    rows = []
    for name, is_early in (("early", True), ("when all were there", False)):
        those = [
            row for row in found.rows
            if (at := decided.get(row.chosen.query_id)) is not None and at.early == is_early
        ]  # fmt: skip
        ties = [(float(len(row.choice.groups[0]) > 1), row.choice.person) for row in those]
        rows.append(_sway(f"tied or all bad, {name}", ties, None))
        plain = [row for row in those if _is_plain(row)]
        firsts = [
            (
                float(_best(row) is min(row.answers, key=lambda each: each.done_ms)),
                row.choice.person,
            )
            for row in plain
        ]
        rows.append(_sway(f"chose what was there first, {name}", firsts, None))
    early = rows[0].rate.n
    return Bias(
        name="early",
        title="Votes before all answers were there",
        rows=[row for row in rows if row.rate.n],
        sentence=f"{early:,} choices were made before all answers were there."
        if early
        else "No choice was made before all answers were there.",
    )


def _sway(what: str, hits: Sequence[tuple[float, str]], chance: float | None) -> Sway:
    rate = share([hit for hit, _ in hits], [person for _, person in hits])
    sways = None
    if chance is not None and rate.low is not None and rate.high is not None:
        sways = not rate.low <= chance <= rate.high
    return Sway(what=what, rate=Part.of(rate), chance=chance, sways=sways)


def _sentence(rows: Sequence[Sway], name: str, words: str) -> str:
    known = [row for row in rows if row.rate.value is not None]
    if not known:
        return f"Nothing can be said of {name} yet."
    swayed = [row for row in known if row.sways]
    if not swayed:
        return f"Nothing shows that {name} sways people."
    most = max(swayed, key=lambda row: abs((row.rate.value or 0) - (row.chance or 0)))
    return words.format(what=most.what, rate=f"{most.rate.value:.0%}", chance=f"{most.chance:.0%}")
