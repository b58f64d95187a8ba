"""Behaviours as text: an English sentence, read back into classes, and which behaviours are preferred. Pure functions.

The sentence is built from clauses in the fixed order of `features.CLAUSES`. Does not know the signals behind a
behaviour, nor what is trained on the text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal

from rlhb_core.errors import BadRecord, NotEnoughData
from rlhb_core.schema.features import CLAUSES, BehaviorFeatures

VERBALISER_VERSION = 4
"""Raised whenever the same signals would give another text.

2: what is done with names in view is left out, equal answers share what is done, a failed answer is neither chosen nor
passed over, an emptied comment is none. 3: a ranking is the outcome of a comparison, as a vote is. 4: marked passages
are told, and a comment with its tags and words.
"""

# --- features -> text -> classes ------------------------------------------------------------------


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

Classes = dict[str, int]
"""Class of every clause, by name; 0 means absent."""


def classify(features: BehaviorFeatures) -> Classes:
    """The class of each clause for these features."""
    return {clause.name: clause.of(features) for clause in CLAUSES}


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


TAGS, WORDS = " Tags: ", " In words: "
"""Before the tags and before the text of a comment, which follow the sentence and belong to no class."""


def verbalise(features: BehaviorFeatures, clauses: Sequence[str] = ALL_CLAUSES) -> str:
    """The behaviour as an English sentence, such as "The reader read it at length, liked it and copied it.".

    What was said in a comment follows it: "The reader commented on it. Tags: wrong, too long. In words: It is Lima.".
    """
    text = text_of(classify(features), clauses)
    if "commented" in clauses:
        text += f"{TAGS}{', '.join(features.comment_tags)}." if features.comment_tags else ""
        text += f"{WORDS}{features.comment}" if features.comment else ""
    return text


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
    """The classes that a behaviour speaks of, in any form. Raises BadRecord for what nothing here can have made."""
    classes = dict.fromkeys(ALL_CLAUSES, 0)
    body = text.strip()
    if _NUMBERS.fullmatch(body):
        return classes | _numbered(body)
    sentence, stop, rest = body.partition(".")
    if rest.startswith((TAGS, WORDS)):
        body = sentence + stop
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


def absolute(classes: Classes) -> Classes:
    """The classes without what says only that another answer was better or worse; that all are bad stays."""
    outcome = next(clause for clause in CLAUSES if clause.name == "vote")
    is_absolute = outcome.options[classes.get("vote", 0)] == "called all answers bad"
    return dict(classes) if is_absolute else {**classes, "vote": 0}


def preference_score(classes: Classes) -> float:
    """How much a behaviour speaks for its response, in likes."""
    return sum(clause.preference[classes.get(clause.name, 0)] for clause in CLAUSES)


def preferred_behavior(texts: Iterable[str], share: float) -> str:
    """The behaviour text to condition on when serving.

    The most frequent of the most preferred texts, of as many of them as it takes to make up `share` of the log: a rare
    one alone has hardly been learned, and where few responses are liked, those few still say what is wanted. Raises
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
