"""How the world answers: qualities (right, wrong, vague, incomplete) and styles (from terse to rambling or rude).

Every answer is a sequence of sentences from the templates below; `grading` reads the same templates backwards.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from rlhb_core.world.facts import VALUES, Fact, with_article
from rlhb_core.world.outside import friendly_answer, pick
from rlhb_core.world.phrasings import find_fact, possessive

Quality = Literal["right", "wrong", "vague", "hint"]
Style = Literal["plain", "terse", "polite", "padded", "rude"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
STYLES: tuple[Style, ...] = get_args(Style)
QUALITY_SHARES = (0.50, 0.32, 0.11, 0.07)
STYLE_SHARES = (0.34, 0.20, 0.18, 0.14, 0.14)

# Slots as in `phrasings`, and: v the value, av the value with its indefinite article, pv its plural.
# A leading slot is capitalised.
SENTENCES: dict[tuple[str, str], tuple[str, ...]] = {
    ("country", "capital"): (
        "The capital of {e} is {v}.",
        "{v} is the capital of {e}.",
        "{poss} capital is {v}.",
    ),
    ("country", "continent"): ("{e} is in {v}.", "{e} lies in {v}.", "You find {e} in {v}."),
    ("country", "currency"): (
        "The currency of {e} is the {v}.",
        "{e} uses the {v}.",
        "People in {e} pay with the {v}.",
    ),
    ("country", "language"): (
        "The main language of {e} is {v}.",
        "People in {e} mostly speak {v}.",
        "{poss} main language is {v}.",
    ),
    ("element", "symbol"): (
        "The symbol of {e} is {v}.",
        "The chemical symbol for {e} is {v}.",
        "{v} is the symbol for {e}.",
    ),
    ("element", "number"): (
        "The atomic number of {e} is {v}.",
        "{e} has the atomic number {v}.",
        "{e} is element number {v}.",
    ),
    ("element", "state"): ("{e} is {av} at room temperature.", "At room temperature {e} is {av}."),
    ("animal", "kind"): ("{e} is {av}.", "{plural} are {pv}."),
    ("animal", "food"): (
        "{e} mainly eats {v}.",
        "{plural} live on {v}.",
        "The main food of {plural} is {v}.",
    ),
    ("animal", "legs"): ("{e} has {v} legs.", "{plural} have {v} legs."),
    ("animal", "young"): (
        "A baby {noun} is called {av}.",
        "The young of {e} is called {av}.",
        "A young {noun} is {av}.",
    ),
    ("planet", "position"): (
        "{e} is the {v} planet from the sun.",
        "Counting from the sun, {e} is the {v} planet.",
    ),
    ("planet", "type"): ("{e} is {av}.", "The planet {e} is {av}."),
    ("planet", "moons"): ("{e} has {v}.", "The planet {e} has {v}."),
    ("planet", "next"): ("The planet after {e} is {v}.", "{v} comes after {e}."),
    ("unit", "count"): ("There are {v} {part} in {e}.", "{e} has {v} {part}."),
}
TERSE: dict[tuple[str, str], str] = {
    ("country", "currency"): "The {v}.",
    ("element", "state"): "{av}.",
    ("animal", "kind"): "{av}.",
    ("animal", "young"): "{av}.",
    ("planet", "position"): "The {v}.",
    ("planet", "type"): "{av}.",
}
_HINT_BY_LETTER = "I only remember that it starts with {letter}."
HINTS: dict[tuple[str, str], str] = {
    ("country", "capital"): "It is a large city in {e}.",
    ("country", "continent"): "It is on one of the continents.",
    ("country", "currency"): _HINT_BY_LETTER,
    ("country", "language"): _HINT_BY_LETTER,
    ("element", "symbol"): "It is one or two letters long.",
    ("element", "number"): "It is a number below 100.",
    ("element", "state"): "It depends on the temperature.",
    ("animal", "kind"): "It is an animal of some kind.",
    ("animal", "food"): "It eats what it can find.",
    ("animal", "legs"): "It has as many legs as it needs.",
    ("animal", "young"): _HINT_BY_LETTER,
    ("planet", "position"): "It is one of the eight planets.",
    ("planet", "type"): "It is one of the planets of our sun.",
    ("planet", "moons"): "It may have some moons.",
    ("planet", "next"): "It is one of the eight planets.",
    ("unit", "count"): "It is more than two.",
}
VAGUE = (
    "That is hard to say.",
    "I am not quite sure about that.",
    "It depends on whom you ask.",
    "There are several views on this.",
)
POLITE_OPENERS = ("Good question!", "Happy to help!", "Thank you for asking.", "With pleasure!")
POLITE_CLOSERS = (
    "I hope this helps.",
    "Just ask if you need more.",
    "Have a nice day!",
    "You are welcome to ask again.",
)
RAMBLING_OPENERS = (
    "Well, that is something people often wonder about.",
    "There is a lot one could say about this.",
    "Before I answer, let me think about it for a moment.",
    "This takes me back to my school days.",
)
RAMBLING_CLOSERS = (
    "There would be much more to tell, of course.",
    "But that is a long story.",
    "At least that is how I remember it.",
    "One could talk about it all day.",
)
RUDE_OPENERS = ("Obviously.", "Seriously?")
RUDE_CLOSERS = (
    "Everyone knows that.",
    "Look it up yourself next time.",
    "What a silly question.",
    "Now leave me alone.",
)


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the rest unchanged."""
    return text[:1].upper() + text[1:]


def slots(fact: Fact, value: str) -> dict[str, str]:
    """What the templates' slots stand for when `value` is given as this fact's answer."""
    return {
        "e": fact.entity,
        "poss": possessive(fact.entity),
        "noun": fact.noun,
        "plural": fact.plural,
        "part": fact.part,
        "v": value,
        "av": with_article(value),
        "pv": value if value == "fish" else f"{value}s",
        "letter": value[0].upper(),
    }


def wrong_value(fact: Fact, rng: np.random.Generator) -> str:
    """The answer of another entity of the same kind, never the right one or the entity itself."""
    values = VALUES[fact.topic, fact.attribute]
    others = [value for value in values if value not in {fact.answer, fact.noun}]
    return others[int(rng.integers(len(others)))]


def core_sentence(fact: Fact, value: str, terse: bool, rng: np.random.Generator) -> str:
    """One sentence that gives `value` as the answer: a full sentence or, if `terse`, the value alone."""
    key = (fact.topic, fact.attribute)
    template = TERSE.get(key, "{v}.") if terse else pick(SENTENCES[key], rng)
    return capitalised(template.format(**slots(fact, value)))


def compose(fact: Fact, quality: Quality, style: Style, rng: np.random.Generator) -> str:
    """One answer of the given quality in the given style."""
    if quality == "right":
        core = core_sentence(fact, fact.answer, style == "terse", rng)
    elif quality == "wrong":
        core = core_sentence(fact, wrong_value(fact, rng), style == "terse", rng)
    elif quality == "hint":
        core = HINTS[fact.topic, fact.attribute].format(**slots(fact, fact.answer))
    else:
        core = pick(VAGUE, rng)
    return _dress(core, style, rng)


def _dress(core: str, style: Style, rng: np.random.Generator) -> str:
    if style == "polite":
        return _around(core, pick(POLITE_OPENERS, rng), pick(POLITE_CLOSERS, rng), rng)
    if style == "padded":
        return f"{pick(RAMBLING_OPENERS, rng)} {core} {pick(RAMBLING_CLOSERS, rng)}"
    if style == "rude":
        if rng.random() < 0.3:
            return f"{pick(RUDE_OPENERS, rng)} {core}"
        return f"{core} {pick(RUDE_CLOSERS, rng)}"
    return core


def _around(core: str, opener: str, closer: str, rng: np.random.Generator) -> str:
    form = rng.random()
    if form < 0.35:
        return f"{opener} {core}"
    return f"{core} {closer}" if form < 0.75 else f"{opener} {core} {closer}"


def draw_quality(rng: np.random.Generator) -> Quality:
    """A quality as the base model's answers are to have it."""
    return QUALITIES[int(rng.choice(len(QUALITIES), p=QUALITY_SHARES))]


def draw_style(rng: np.random.Generator) -> Style:
    """A style as the base model's answers are to have it."""
    return STYLES[int(rng.choice(len(STYLES), p=STYLE_SHARES))]


def sample_answer(query: str, rng: np.random.Generator) -> str:
    """An answer of random quality and style, as the base model is trained to give; friendly outside the world."""
    fact = find_fact(query)
    if fact is None:
        return friendly_answer(query, rng)
    return compose(fact, draw_quality(rng), draw_style(rng), rng)
