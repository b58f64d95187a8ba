"""Behaviours: signals -> features -> text -> classes, and back. Pure functions, versioned as one.

Holds what makes a signal acceptable, how the signals about one response become its behaviour, how a behaviour
is put into an English sentence, how that sentence is read back into classes, and which behaviours are preferred.
Does not know who stores the signals or what is trained on the text.

The sentence is built from clauses in a fixed order: `CLAUSES` is the one table from which the text, its
reading, the classifier's heads and the help pages are made.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal
from uuid import UUID

from rlhb_core.errors import BadRecord, NotEnoughData
from rlhb_core.schema.records import (
    MAX_PAYLOAD_BYTES,
    QUERY_SIGNALS,
    BehaviorFeatures,
    Signal,
    SignalKind,
    VoteChoice,
    parse_payload,
)

VERBALISER_VERSION = 2
"""Raised whenever the same signals would give another text.

2: what is done with names in view is left out, equal answers share what is done, a failed answer is neither chosen nor
passed over, an emptied comment is none.
"""

CLOCK_SLACK_MS = 1_000
"""Tolerance when times of one browser's clock are compared with each other."""


# --- what makes a signal acceptable ---------------------------------------------------------------


def check_signal(signal: Signal, sent_ms: int) -> None:
    """Raise BadRecord, in a sentence, if the signal cannot be true.

    `sent_ms` is the sender's clock at the moment of sending, so that a wrong clock harms nobody:
    all comparisons are between times of the same clock.
    """
    try:
        size = len(json.dumps(signal.payload, ensure_ascii=False).encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord(f"{signal.kind}: the payload holds text that is no Unicode") from None
    if size > MAX_PAYLOAD_BYTES:
        raise BadRecord(
            f"{signal.kind}: the payload has {size} bytes, at most {MAX_PAYLOAD_BYTES} are taken"
        )
    payload = parse_payload(signal.kind, signal.payload)
    if signal.kind in QUERY_SIGNALS and signal.response_id is not None:
        raise BadRecord(f"{signal.kind}: belongs to the query, leave response_id out")
    if signal.kind not in QUERY_SIGNALS and signal.response_id is None:
        raise BadRecord(f"{signal.kind}: name the response it is about in response_id")
    if signal.at_ms > sent_ms + CLOCK_SLACK_MS:
        raise BadRecord(f"{signal.kind}: at_ms lies in the future of the sender's own clock")
    if signal.at_ms < signal.page_opened_ms - CLOCK_SLACK_MS:
        raise BadRecord(f"{signal.kind}: at_ms lies before the page was opened (page_opened_ms)")
    if signal.kind is SignalKind.DWELL:
        open_ms = signal.at_ms - signal.page_opened_ms
        if payload.model_dump()["ms"] > open_ms + CLOCK_SLACK_MS:
            raise BadRecord(
                f"dwell: {signal.payload['ms']} ms is longer than the page was open ({open_ms} ms)"
            )


# --- which signals count --------------------------------------------------------------------------


def takes_back(kind: SignalKind, payload: Mapping[str, object]) -> bool:
    """Whether a signal takes back what was said before: a vote withdrawn, a mark off, a comment emptied."""
    match kind:
        case SignalKind.VOTE:
            return payload["choice"] == VoteChoice.WITHDRAWN
        case SignalKind.CRITIQUE:
            return not payload.get("text") and not payload.get("tags")
        case _:
            return payload.get("on", True) is False


def counts_blind(kind: SignalKind, payload: Mapping[str, object], unblinded: bool) -> bool:
    """The one rule about the reveal: what is done with names in view counts only if it takes something back."""
    return not unblinded or takes_back(kind, payload)


def blind(signals: Iterable[Signal]) -> list[Signal]:
    """Those of the signals that count where only blind ones do."""
    return [s for s in signals if counts_blind(s.kind, s.payload, s.unblinded)]


# --- signals -> features --------------------------------------------------------------------------


def summarise(response_id: UUID, signals: Iterable[Signal]) -> BehaviorFeatures:
    """All that one person did with one response.

    `signals`: the person's signals about that response and about its query, in any order; those about other
    responses are ignored. Dwell adds up, depth is the deepest, marks are as they stood last.
    `dwell_z` is left out: it needs the person's other responses (`standardise_dwell`).
    """
    found = BehaviorFeatures()
    ratings: dict[str, float] = {}
    for signal in sorted(signals, key=lambda s: (s.at_ms, s.id)):
        if signal.response_id not in (None, response_id):
            continue
        payload = signal.payload
        match signal.kind:
            case SignalKind.DWELL:
                found.dwell_ms = (found.dwell_ms or 0) + int(payload["ms"])
            case SignalKind.SCROLL:
                found.read_depth = max(found.read_depth or 0.0, float(payload["depth"]))
            case SignalKind.LIKE:
                found.liked = payload.get("on", True)
                found.disliked = found.disliked and not found.liked
            case SignalKind.DISLIKE:
                found.disliked = payload.get("on", True)
                found.liked = found.liked and not found.disliked
            case SignalKind.COPY:
                found.copied = True
            case SignalKind.SELECT:
                found.selected = True
            case SignalKind.SHARE:
                found.shared = True
            case SignalKind.FLAG:
                found.flagged = payload.get("on", True)
            case SignalKind.EDIT:
                found.edited = payload.get("on", True)
                found.edited_text = payload["text"] if found.edited else None
            case SignalKind.CRITIQUE:
                found.comment = payload.get("text", "")
                found.comment_tags = list(payload.get("tags", ()))
                found.commented = bool(found.comment or found.comment_tags)
            case SignalKind.REGENERATE | SignalKind.REFORMULATE:
                found.asked_again = True
            case SignalKind.FOLLOW_UP:
                found.asked_further = True
            case SignalKind.ABANDON:
                found.left = payload.get("on", True)
            case SignalKind.RATE:
                ratings[payload.get("aspect", "overall")] = float(payload["value"])
            case SignalKind.VOTE:
                found.vote = _vote_of(response_id, payload)
                found.strength = payload.get("strength")
            case _:
                pass
    if ratings:
        found.ratings = ratings
        found.rating = sum(ratings.values()) / len(ratings)
    if found.vote is not None:
        found.left = False
    return found


def _vote_of(
    response_id: UUID, payload: Mapping[str, object]
) -> Literal["won", "lost", "tied", "all_bad"] | None:
    match payload["choice"]:
        case VoteChoice.BEST:
            return "won" if str(payload["best"]) == str(response_id) else "lost"
        case VoteChoice.TIE:
            return "tied"
        case VoteChoice.ALL_BAD:
            return "all_bad"
        case _:
            return None


USUAL_LOG_DWELL = math.log1p(8_000)
"""What a person of whom nothing is known is taken to spend on an answer: 8 s."""
PERSON_PRIOR, SPREAD_PRIOR, BIN_PRIOR = 1.0, 2.0, 8.0
"""Weights of the priors, in answers: how soon a person's own mean, spread and length habits count."""


def standardise_dwell(dwell_ms: Sequence[int], chars: Sequence[int]) -> list[float]:
    """Dwell times of one person as z-scores, comparable between people and lengths.

    log(1 + ms), minus the person's mean, minus what the length explains for this person (octaves of characters),
    divided by the person's spread; each shrunk toward a prior, so that the first answers are no outliers.
    Raw dwell mostly measures length and the person; on a public log of 67 readers the AUC of dwell for a satisfied
    reader of a single answer rises from 0.47 raw to 0.66 (tests/integration/test_real_log.py).

    `dwell_ms`, `chars`: [N] for the N responses of one person. Returns [N].
    """
    logs = [math.log1p(ms) for ms in dwell_ms]
    count = len(logs)
    mean = (sum(logs) + PERSON_PRIOR * USUAL_LOG_DWELL) / (count + PERSON_PRIOR)
    residuals = [value - mean for value in logs]
    octaves = [int(math.log2(max(length, 1))) for length in chars]
    by_octave: dict[int, list[float]] = defaultdict(list)
    for octave, residual in zip(octaves, residuals, strict=True):
        by_octave[octave].append(residual)
    shift = {octave: sum(r) / (len(r) + BIN_PRIOR) for octave, r in by_octave.items()}
    residuals = [r - shift[octave] for octave, r in zip(octaves, residuals, strict=True)]
    spread = math.sqrt((sum(r * r for r in residuals) + SPREAD_PRIOR) / (count + SPREAD_PRIOR))
    return [r / spread for r in residuals]


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


# --- features -> text -> classes ------------------------------------------------------------------


@dataclass(frozen=True)
class Clause:
    """One part of the behaviour text. `options[0]` is None: class 0 means that the clause is absent."""

    name: str
    options: tuple[str | None, ...]
    preference: tuple[float, ...]
    help: str


CLAUSES: tuple[Clause, ...] = (
    Clause(
        "dwell",
        (
            None,
            "barely looked at it",
            "read it briefly",
            "read it as long as usual",
            "read it at length",
            "read it for very long",
        ),
        (0.0, -0.08, -0.04, 0.0, 0.04, 0.08),
        "Reading time against what this person usually spends on an answer of this length, in five steps.",
    ),
    Clause("reaction", (None, "liked it", "disliked it"), (0.0, 1.0, -1.0), "Like or dislike."),
    Clause("copied", (None, "copied it"), (0.0, 0.5), "The answer or a part was copied."),
    Clause("selected", (None, "marked a part of it"), (0.0, 0.1), "Text was selected."),
    Clause("shared", (None, "shared it"), (0.0, 0.5), "The answer was passed on."),
    Clause("edited", (None, "corrected it"), (0.0, -0.3), "The answer was rewritten."),
    Clause("commented", (None, "commented on it"), (0.0, 0.0), "A comment was left."),
    Clause("flagged", (None, "reported it"), (0.0, -1.0), "The answer was reported."),
    Clause(
        "asked_again", (None, "asked again"), (0.0, -0.5), "The query was rephrased or regenerated."
    ),
    Clause("asked_further", (None, "asked further"), (0.0, 0.1), "A further query built on this."),
    Clause("left", (None, "left without a choice"), (0.0, -0.1), "No choice was made."),
    Clause(
        "vote",
        (
            None,
            "chose it as the best",
            "chose another answer",
            "called it a tie",
            "called all answers bad",
        ),
        (0.0, 1.0, -0.5, 0.0, -1.0),
        "The outcome of the comparison for this response.",
    ),
    Clause(
        "rating",
        (
            None,
            "rated it 1 of 5",
            "rated it 2 of 5",
            "rated it 3 of 5",
            "rated it 4 of 5",
            "rated it 5 of 5",
        ),
        (0.0, -1.0, -0.5, 0.0, 0.5, 1.0),
        "Mean rating, rounded.",
    ),
)
"""All clauses in the order of the text. `preference`: how much each option speaks for the response, a like = 1
(a like is worth about 25 dwells on a public log of people reading model answers)."""

ALL_CLAUSES: tuple[str, ...] = tuple(clause.name for clause in CLAUSES)
IMPLICIT_CLAUSES: tuple[str, ...] = ("dwell", "reaction", "copied", "shared", "asked_again")
"""The clauses that the arms of RLHB train on by default: no votes and no ratings, which belong to RLHF."""

NOTHING = "did nothing with it"
_BY_PHRASE = {
    phrase: (clause.name, index)
    for clause in CLAUSES
    for index, phrase in enumerate(clause.options)
    if phrase is not None
}
_DWELL_CUTS = (-0.84, -0.25, 0.25, 0.84)  # quintiles of the normal distribution

Classes = dict[str, int]
"""Class of every clause, by name; 0 means absent."""


def classify(features: BehaviorFeatures) -> Classes:
    """The class of each clause for these features."""
    z = features.dwell_z
    return {
        "dwell": 0 if z is None else 1 + sum(z > cut for cut in _DWELL_CUTS),
        "reaction": 1 if features.liked else 2 if features.disliked else 0,
        "copied": int(features.copied),
        "selected": int(features.selected),
        "shared": int(features.shared),
        "edited": int(features.edited),
        "commented": int(features.commented),
        "flagged": int(features.flagged),
        "asked_again": int(features.asked_again),
        "asked_further": int(features.asked_further),
        "left": int(features.left),
        "vote": 0
        if features.vote is None
        else ("won", "lost", "tied", "all_bad").index(features.vote) + 1,
        "rating": 0 if features.rating is None else math.floor(features.rating + 0.5),
    }


def text_of(classes: Classes, clauses: Sequence[str] = ALL_CLAUSES) -> str:
    """The behaviour text of these classes, keeping only the named clauses."""
    phrases = [
        phrase
        for clause in CLAUSES
        if clause.name in clauses and (phrase := clause.options[classes.get(clause.name, 0)])
    ]
    if not phrases:
        phrases = [NOTHING]
    *head, last = phrases
    return f"The reader {', '.join(head)} and {last}." if head else f"The reader {last}."


Form = Literal["text", "numbers", "both"]
"""How a behaviour is written for a model: as a sentence, as numbered classes, or as both."""


def written(classes: Classes, clauses: Sequence[str] = ALL_CLAUSES, form: Form = "text") -> str:
    """These classes in a form, such as "dwell 4, reaction 1, copied 0" for the numbers."""
    text = text_of(classes, clauses)
    if form == "text":
        return text
    named = [clause.name for clause in CLAUSES if clause.name in clauses]
    numbers = ", ".join(f"{name} {classes.get(name, 0)}" for name in named)
    return numbers if form == "numbers" else f"{text} {numbers}"


def verbalise(features: BehaviorFeatures, clauses: Sequence[str] = ALL_CLAUSES) -> str:
    """The behaviour as an English sentence, such as "The reader read it at length, liked it and copied it."."""
    return text_of(classify(features), clauses)


_NUMBERS = re.compile(r"[a-z_]+ \d+(?:, [a-z_]+ \d+)*$")


def _numbered(body: str) -> Classes:
    found = {}
    for part in body.split(", "):
        name, _, number = part.partition(" ")
        options = next((clause.options for clause in CLAUSES if clause.name == name), ())
        if int(number) >= len(options):
            raise BadRecord(f"{part[:60]!r} is no class of a behaviour")
        found[name] = int(number)
    return found


def parse(text: str) -> Classes:
    """The classes that a behaviour speaks of, in any form. Raises BadRecord for what `written` cannot have made."""
    classes = dict.fromkeys(ALL_CLAUSES, 0)
    body = text.strip()
    if _NUMBERS.fullmatch(body):
        return classes | _numbered(body)
    body = _NUMBERS.sub("", body).rstrip()  # both say the same
    if not (body.startswith("The reader ") and body.endswith(".")):
        raise BadRecord("a behaviour text starts with 'The reader ' and ends with a full stop")
    for phrase in body[len("The reader ") : -1].replace(" and ", ", ").split(", "):
        if phrase == NOTHING:
            continue
        if phrase not in _BY_PHRASE:
            raise BadRecord(f"{phrase[:60]!r} is no part of a behaviour text")
        name, index = _BY_PHRASE[phrase]
        classes[name] = index
    return classes


# --- which behaviours are preferred ---------------------------------------------------------------


def preference_score(classes: Classes) -> float:
    """How much a behaviour speaks for its response, in likes."""
    return sum(clause.preference[classes.get(clause.name, 0)] for clause in CLAUSES)


def preferred_behavior(texts: Iterable[str], share: float) -> str:
    """The behaviour text to condition on when serving.

    The most frequent of the most preferred texts, of as many of them as it takes to make up `share` of the log: a rare one
    alone has hardly been learned, and where few responses are liked, those few still say what is wanted. Raises
    NotEnoughData for an empty log.
    """
    counts = Counter(texts)
    if not counts:
        raise NotEnoughData("no behaviours are recorded yet: collect some before training RLHB")
    ranked = sorted(
        counts, key=lambda text: (preference_score(parse(text)), counts[text], text), reverse=True
    )
    covered = list(accumulate(counts[text] for text in ranked))
    enough = next(i for i, rows in enumerate(covered) if rows >= share * covered[-1])
    return max(ranked[: enough + 1], key=lambda text: counts[text])  # ties go to the more preferred
