"""Reads any text as an answer to a query: right or wrong, complete, polite, to the point, well formed.

Pure text work against the world's own templates: no model, no randomness, never an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rlhb_core.world import answers
from rlhb_core.world.facts import FACTS, VALUES, Fact
from rlhb_core.world.outside import FRIENDLY
from rlhb_core.world.phrasings import find_fact, normalise

Correctness = Literal["correct", "wrong", "none"]
LONGEST_READ = 4000  # characters of a response that are graded
_COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_COUNTED)}
_MAY_NAME_VALUE = {
    "full",
    "terse",
    "elsewhere",
    "unknown",
}  # roles of sentences that can hold an answer
_EMPTY_TALK = {"polite", "padded", "rude", "vague", "hint"}


@dataclass(frozen=True)
class Grade:
    """What a careful reader with the answer key would say about one response.

    `verdict`: correct, wrong, or none (no answer was given); outside the world a friendly sentence is correct.
    `complete`: a full sentence that names what was asked for, understandable on its own.
    `polite` / `rude`: carries a polite or a rude phrase. `padded`: carries a rambling phrase.
    `words`: length in words. `garbled`: not made of the world's own sentences (unknown words, broken or cut form,
    a sentence said twice).
    """

    verdict: Correctness
    complete: bool
    polite: bool
    rude: bool
    padded: bool
    garbled: bool
    words: int

    @property
    def correct(self) -> bool:
        """Whether the right answer was given."""
        return self.verdict == "correct"

    @property
    def to_the_point(self) -> float:
        """From 1 (up to 12 words, no rambling) down to 0 (30 words or more)."""
        return max(0.0, min(1.0, (30 - self.words) / 18)) * (0.5 if self.padded else 1.0)


def grade(query: str, response: str) -> Grade:
    """Grade any text as a response to any query; never raises."""
    text = " ".join(response[:LONGEST_READ].split())
    sentences = re.findall(r".+?(?:[.!?](?=\s|$)|$)\s*", text)
    sentences = [sentence.strip() for sentence in sentences]
    fact = find_fact(query)
    read = [_read(sentence, fact) for sentence in sentences]
    open_sentences = [
        sentence for sentence, role in zip(sentences, read, strict=True) if role in _MAY_NAME_VALUE
    ]
    return Grade(
        verdict=_verdict_outside(read) if fact is None else _verdict(fact, open_sentences),
        complete="full" in read,
        polite="polite" in read,
        rude="rude" in read,
        padded="padded" in read,
        garbled=not sentences or "unknown" in read or len(set(sentences)) < len(sentences),
        words=len(text.split()),
    )


def _key(sentence: str) -> str:
    return sentence.rstrip(".!?").lower()


@cache
def _fixed_sentences() -> dict[str, str]:
    """Sentences without slots -> their role."""
    roles = {
        "polite": answers.POLITE_OPENERS + answers.POLITE_CLOSERS,
        "padded": answers.RAMBLING_OPENERS + answers.RAMBLING_CLOSERS,
        "rude": answers.RUDE_OPENERS + answers.RUDE_CLOSERS,
        "vague": answers.VAGUE,
        "friendly": tuple(
            sentence
            for group in FRIENDLY.values()
            for answer in group
            for sentence in re.findall(r".+?[.!?](?=\s|$)\s*", answer)
        ),
    }
    return {_key(sentence.strip()): role for role, group in roles.items() for sentence in group}


@cache
def _full_sentences(topic: str, attribute: str) -> re.Pattern[str]:
    """Every sentence of the world for one kind of question, whatever entity and value it names."""
    facts = [fact for fact in FACTS if (fact.topic, fact.attribute) == (topic, attribute)]
    values = VALUES[topic, attribute]
    choices: dict[str, set[str]] = {}
    for fact in facts:
        for slot, text in answers.slots(fact, fact.answer).items():
            choices.setdefault(slot, set()).add(text)
    for value in values:
        for slot in ("v", "av", "pv"):
            choices[slot].add(answers.slots(facts[0], value)[slot])
    groups = {slot: _either(options) for slot, options in choices.items()}
    forms = [re.escape(form.rstrip(".")) for form in answers.SENTENCES[topic, attribute]]
    return re.compile("|".join(_fill(form, groups) for form in forms), re.IGNORECASE)


def _either(options: set[str]) -> str:
    return (
        "(?:"
        + "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
        + ")"
    )


def _fill(form: str, groups: dict[str, str]) -> str:
    return re.sub(r"\\\{(\w+)\\\}", lambda slot: groups[slot[1]], form)


def _read(sentence: str, fact: Fact | None) -> str:
    """The role of one sentence: full, terse, hint, another kind's answer, a fixed role, or unknown."""
    key = _key(sentence)
    fixed = _fixed_sentences().get(key)
    if fixed is not None:
        return fixed
    if fact is not None:
        kind = (fact.topic, fact.attribute)
        if _full_sentences(*kind).fullmatch(key):
            return "full"
        filled = answers.HINTS[kind].format(**answers.slots(fact, fact.answer))
        if key == _key(filled) or re.fullmatch(r"i only remember that it starts with \w", key):
            return "hint"
        terse = answers.TERSE.get(kind, "{v}.")
        if any(key == _key(terse.format(**answers.slots(fact, value))) for value in VALUES[kind]):
            return "terse"
    if any(_full_sentences(*kind).fullmatch(key) for kind in answers.SENTENCES):
        return "elsewhere"
    return "unknown"


def _verdict_outside(read: list[str]) -> Correctness:
    if "friendly" in read:
        return "correct"
    return "none" if set(read) <= _EMPTY_TALK else "wrong"


def _verdict(fact: Fact, sentences: list[str]) -> Correctness:
    said = _values_named(fact, " ".join(sentences))
    if not said:  # the sentence of another question, or one like `Mars comes after Mars.`
        return (
            "wrong" if any(_read(sentence, fact) != "unknown" for sentence in sentences) else "none"
        )
    right = said == {_value_key(fact, fact.answer)} and not _about_another(fact, sentences)
    return "correct" if right else "wrong"


def _value_key(fact: Fact, value: str) -> str:
    return value if fact.attribute == "symbol" else _digits(normalise(value))


def _digits(text: str) -> str:
    return " ".join(_NUMBER_WORDS.get(word, word) for word in text.split())


def _values_named(fact: Fact, text: str) -> set[str]:
    """Which values of the asked kind the text names, longest first so that `plants and meat` is one value."""
    values = VALUES[fact.topic, fact.attribute]
    if fact.attribute == "symbol":
        # "I", "As" and "He" are also words: a symbol is not followed by a plain lower-case word.
        symbols = re.findall(r"\b[A-Z][a-z]?\b(?!['’]|\s+(?!is\b|for\b|stands\b)[a-z])", text)
        return {symbol for symbol in symbols if symbol in values}
    rest = _digits(normalise(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)))
    if fact.attribute == "kind":
        rest = re.sub(r"\binsects\b", "insect", rest)  # elsewhere the plural is a food
    for name in (fact.entity, fact.plural) if fact.topic != "planet" else (fact.entity,):
        if name and _value_key(fact, fact.answer) != normalise(name):
            rest = re.sub(rf"\b{re.escape(_digits(normalise(name)))}\b(?! city)", " ", rest)
    found: set[str] = set()
    for value in sorted({_value_key(fact, value) for value in values}, key=len, reverse=True):
        if re.search(rf"\b{re.escape(value)}\b", rest):
            found.add(value)
            rest = re.sub(rf"\b{re.escape(value)}\b", " ", rest)
    return found


def _about_another(fact: Fact, sentences: list[str]) -> bool:
    """Whether a full sentence of the asked kind speaks of another entity (`The capital of Chile is Lima.`)."""
    pattern = _full_sentences(fact.topic, fact.attribute)
    for sentence in sentences:
        key = _key(sentence)
        if pattern.fullmatch(key) and not _own_sentence(fact, key):
            return True
    return False


def _own_sentence(fact: Fact, key: str) -> bool:
    filled = answers.slots(fact, fact.answer)
    return any(
        key == _key(form.format(**filled)) for form in answers.SENTENCES[fact.topic, fact.attribute]
    )
