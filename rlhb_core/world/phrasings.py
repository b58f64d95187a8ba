"""How people ask: several phrasings per kind of question, careless typing, and the way back to the fact.

Knows nothing about answers.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache

import numpy as np

from rlhb_core.world.facts import FACTS, Fact
from rlhb_core.world.tables import ALIASES

# Slots: e entity in a sentence, poss its possessive, noun without article, plural, part counted in a unit.
QUESTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("country", "capital"): (
        "What is the capital of {e}?",
        "Which city is the capital of {e}?",
        "Which city is {poss} capital?",
        "What is {poss} capital?",
        "Name the capital of {e}.",
        "Tell me the capital of {e}.",
        "What is the capital city of {e}?",
        "What's the capital of {e}?",
        "Do you know the capital of {e}?",
        "Capital of {e}?",
        "{noun} capital",
    ),
    ("country", "continent"): (
        "Which continent is {e} in?",
        "On which continent is {e}?",
        "What continent is {e} on?",
        "Which continent does {e} belong to?",
        "Where in the world is {e}?",
        "Where is {e}?",
        "Name the continent of {e}.",
        "What is {poss} continent?",
        "Continent of {e}?",
    ),
    ("country", "currency"): (
        "What is the currency of {e}?",
        "Which currency does {e} use?",
        "What currency is used in {e}?",
        "What money do people use in {e}?",
        "What do people pay with in {e}?",
        "What is {poss} currency?",
        "Which currency do I need in {e}?",
        "Name the currency of {e}.",
        "Currency of {e}?",
        "{noun} currency",
    ),
    ("country", "language"): (
        "What is the main language of {e}?",
        "Which language do people speak in {e}?",
        "What language is spoken in {e}?",
        "What do people speak in {e}?",
        "Which language is most spoken in {e}?",
        "What is {poss} main language?",
        "Main language of {e}?",
        "Language of {e}?",
    ),
    ("element", "symbol"): (
        "What is the chemical symbol of {e}?",
        "What is the symbol for {e}?",
        "Which symbol does {e} have?",
        "What is {poss} symbol?",
        "Which letters stand for {e} in the periodic table?",
        "Tell me the symbol of {e}.",
        "Chemical symbol for {e}?",
        "Symbol of {e}?",
    ),
    ("element", "number"): (
        "What is the atomic number of {e}?",
        "Which atomic number does {e} have?",
        "How many protons does {e} have?",
        "What is {poss} atomic number?",
        "What number is {e} in the periodic table?",
        "Tell me the atomic number of {e}.",
        "Atomic number of {e}?",
    ),
    ("element", "state"): (
        "Is {e} a solid, a liquid or a gas?",
        "Is {e} solid, liquid or gas at room temperature?",
        "What state is {e} in at room temperature?",
        "In which state is {e} at room temperature?",
        "State of {e} at room temperature?",
    ),
    ("animal", "kind"): (
        "What kind of animal is {e}?",
        "What type of animal is {e}?",
        "Which class of animals does {e} belong to?",
        "Which group of animals do {plural} belong to?",
        "What kind of animals are {plural}?",
        "Is {e} a mammal, a bird or something else?",
        "Kind of animal: {noun}?",
    ),
    ("animal", "food"): (
        "What does {e} eat?",
        "What do {plural} eat?",
        "What does {e} mainly eat?",
        "What do {plural} live on?",
        "What is the main food of {plural}?",
        "Food of {plural}?",
    ),
    ("animal", "legs"): (
        "How many legs does {e} have?",
        "How many legs do {plural} have?",
        "On how many legs does {e} walk?",
        "What is the number of legs of {e}?",
        "Number of legs of {e}?",
        "{noun} legs",
    ),
    ("animal", "young"): (
        "What is a baby {noun} called?",
        "What do you call a baby {noun}?",
        "What is the young of {e} called?",
        "What is a young {noun} called?",
        "What are baby {plural} called?",
        "Name of a baby {noun}?",
        "Baby {noun}?",
    ),
    ("planet", "position"): (
        "Which planet from the sun is {e}?",
        "What number planet from the sun is {e}?",
        "What is the position of {e} from the sun?",
        "Where does {e} come in the order of the planets?",
        "Position of {e} from the sun?",
    ),
    ("planet", "type"): (
        "What type of planet is {e}?",
        "What kind of planet is {e}?",
        "Is {e} a rocky planet, a gas giant or an ice giant?",
        "Type of planet: {e}?",
    ),
    ("planet", "moons"): (
        "How many moons does {e} have?",
        "How many moons are there around {e}?",
        "Does {e} have any moons?",
        "Number of moons of {e}?",
    ),
    ("planet", "next"): (
        "Which planet comes after {e}?",
        "What is the next planet after {e}?",
        "What planet follows {e} going outwards?",
        "Planet after {e}?",
    ),
    ("unit", "count"): (
        "How many {part} are in {e}?",
        "How many {part} are there in {e}?",
        "How many {part} does {e} have?",
        "How many {part} make {e}?",
        "What is the number of {part} in {e}?",
        "Number of {part} in {e}?",
        "{part} in {e}",
    ),
}

# Wordings that the base model was never trained on: they measure how it takes a person's own words.
UNSEEN: dict[tuple[str, str], tuple[str, ...]] = {
    ("country", "capital"): ("Can you tell me what the capital of {e} is?",),
    ("country", "continent"): ("{noun} continent", "In which part of the world is {e}?"),
    ("country", "currency"): ("{poss} money", "Money in {e}?"),
    ("country", "language"): ("Language in {e}?", "{noun} language"),
    ("element", "symbol"): ("{noun} symbol", "{poss} chemical symbol?"),
    ("element", "number"): ("{noun} atomic number", "Number of protons of {e}?"),
    ("element", "state"): ("Is {e} a gas?", "{noun}: solid, liquid or gas?"),
    ("animal", "kind"): ("What is {e}?", "What class of animal is {e}?"),
    ("animal", "food"): ("{noun} food", "Diet of {plural}?"),
    ("animal", "legs"): ("Legs of {e}?",),
    ("animal", "young"): ("Young {noun}?",),
    ("planet", "position"): ("{noun} position",),
    ("planet", "type"): ("{noun} type",),
    ("planet", "moons"): ("{noun} moons",),
    ("planet", "next"): ("Which planet is next after {e}?",),
    ("unit", "count"): ("How many {part} in {e}?", "{e} is how many {part}?"),
}

# What gives a kind of question away when the wording is a person's own; checked in this order.
_KEYWORDS: tuple[tuple[tuple[str, str], str], ...] = (
    (("country", "capital"), r"capital"),
    (("country", "continent"), r"continent|where|part of world"),
    (("country", "currency"), r"currency|money|pay|paid|cash|coins?"),
    (("country", "language"), r"language|languages|speak|spoken|tongue"),
    (("element", "symbol"), r"symbol|letters?|abbreviation"),
    (("element", "number"), r"atomic|protons?|number"),
    (("element", "state"), r"state|solid|liquid|gas"),
    (("animal", "legs"), r"legs?|feet"),
    (("animal", "young"), r"baby|babies|young|offspring|cubs?"),
    (("animal", "food"), r"eats?|food|diet|feeds?|live on|herbivore|carnivore"),
    (("animal", "kind"), r"kind|type|class|group|mammal|bird|reptile|insect"),
    (("planet", "next"), r"after|next|follows?"),
    (("planet", "moons"), r"moons?"),
    (("planet", "type"), r"type|kind|rocky|giant"),
    (("planet", "position"), r"position|order|from sun|place|where|planet"),
)


def possessive(entity: str) -> str:
    """`Peru` -> `Peru's`, `the Netherlands` -> `the Netherlands'`."""
    return f"{entity}'" if entity.endswith("s") else f"{entity}'s"


def phrasings(fact: Fact, unseen: bool = False) -> list[str]:
    """All phrasings of the question that this fact answers; `unseen`: those kept out of the base model's training."""
    templates = (UNSEEN if unseen else QUESTIONS)[fact.topic, fact.attribute]
    slots = {
        "e": fact.entity,
        "poss": possessive(fact.entity),
        "noun": fact.noun,
        "plural": fact.plural,
        "part": fact.part,
    }
    asked = (template.format(**slots) for template in templates)
    return [question[0].upper() + question[1:] for question in asked]


def careless(query: str, rng: np.random.Generator, typos: bool = False) -> str:
    """The query as people type it: sometimes lower case, without its mark, with a `please` or a typing error."""
    if rng.random() < 0.08:
        query = (
            str(rng.choice(["Hi, ", "Please: ", "Hello! ", "Quick question: ", "Can you help? "]))
            + query
        )
    elif rng.random() < 0.05:
        query = query.rstrip("?.") + str(rng.choice([", please?", " please", " thanks"]))
    if rng.random() < 0.35:
        query = query.lower()
    if rng.random() < 0.3:
        query = query.rstrip("?.")
    if typos and len(query) > 4 and rng.random() < 0.04:
        at = int(rng.integers(1, len(query) - 2))
        swapped = query[at + 1] + query[at] if rng.random() < 0.5 else query[at + 1]
        query = query[:at] + swapped + query[at + 2 :]
    return query


def normalise(text: str) -> str:
    """Lower case, words only, articles dropped, other names replaced by the world's own."""
    words = re.sub(
        r"[^\w\s]|_", " ", re.sub(r"['’]s?\b", "", text.lower().replace("what's", "what is"))
    ).split()
    plain = " ".join(word for word in words if word not in {"a", "an", "the"})
    return _alias_pattern().sub(lambda match: ALIASES[match[0]], plain)


@cache
def _alias_pattern() -> re.Pattern[str]:
    names = sorted(ALIASES, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\b")


@cache
def _index() -> dict[str, Fact]:
    asked = {normalise(question): fact for fact in FACTS for question in phrasings(fact)}
    unseen = {normalise(question): fact for fact in FACTS for question in phrasings(fact, True)}
    return {**unseen, **asked}


@cache
def _entities() -> dict[str, dict[str, list[Fact]]]:
    """Topic -> normalised entity name (singular and plural) -> its facts."""
    names: dict[str, dict[str, list[Fact]]] = {}
    for fact in FACTS:
        for name in {normalise(fact.noun), normalise(fact.plural)} - {""}:
            names.setdefault(fact.topic, {}).setdefault(name, []).append(fact)
    # Planets first: their key words tell Mercury from mercury.
    return {topic: names[topic] for topic in sorted(names, key=lambda topic: topic != "planet")}


@cache
def _known_words() -> tuple[str, ...]:
    words = {word for question in _index() for word in question.split() if len(word) > 3}
    return tuple(sorted(words))


# Words around a question that do not change what is asked, as `normalise` leaves them.
_COURTESY = re.compile(
    r"^(?:(?:hi|hello|hey|please|quick question|can you help|tell me|i would like to know|(?:could|can) you tell "
    r"me)\s)+|\s(?:please|thanks|thank you)$"
)


def find_fact(query: str) -> Fact | None:
    """The fact that a query asks for, in any phrasing and case, or None if the world has no such fact.

    Known phrasings are looked up; other wordings are recognised by entity and key word,
    with small typing errors forgiven.
    """
    text = _COURTESY.sub("", normalise(query[:300]))
    return _index().get(text) or _by_words(text) or _by_words(_corrected(text))


def _corrected(text: str) -> str:
    known = _known_words()
    words = []
    for word in text.split():
        close = (
            []
            if len(word) < 5 or word in known
            else get_close_matches(word, known, n=1, cutoff=0.82)
        )
        words.append(close[0] if close else word)
    return " ".join(words)


def _by_words(text: str) -> Fact | None:
    padded = f" {text} "
    for topic, names in _entities().items():
        mentioned = [name for name in names if f" {name} " in padded]
        longest = [
            name
            for name in mentioned
            if not any(name != other and name in other for other in mentioned)
        ]
        if len(longest) > 1 and topic != "unit":  # two countries in one query: which one is meant?
            continue
        for name in longest:
            rest = padded.replace(f" {name} ", " ")
            read = _unit_part if topic == "unit" else _attribute
            fact = read(names[name], rest)
            if fact is not None:
                return fact
    return None


def _unit_part(facts: list[Fact], rest: str) -> Fact | None:
    if not re.search(r" (?:many|number|in) ", rest) and len(rest.split()) > 3:
        return None
    return next((fact for fact in facts if f" {normalise(fact.part)} " in rest), None)


def _attribute(facts: list[Fact], rest: str) -> Fact | None:
    by_attribute = {fact.attribute: fact for fact in facts}
    for (topic, attribute), pattern in _KEYWORDS:
        if topic == facts[0].topic and re.search(rf"\b(?:{pattern})\b", rest):
            return by_attribute.get(attribute)
    return None
