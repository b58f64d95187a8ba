"""Whether an answer says whose it is: "I am Qwen", "trained by OpenAI". Then whoever reads it is not blind any more.

A name alone says nothing (people ask for the Gemini programme, or for Claude Monet): it counts only where the answer
speaks of itself. Pure; which names there are is known by whoever asks.
"""

import re
from collections.abc import Iterable
from itertools import islice

SHORTEST = 2
"""Characters of a name that is looked for."""
BETWEEN = 60
"""Characters between what begins to speak of itself and the name, within one sentence."""
LONGEST_BEGINNING = 60
"""Characters of what begins to speak of itself."""
MOST = 20_000
"""Characters of an answer that are looked at: who speaks of itself does so early."""

_ITSELF = (
    r"I['’]?\s?a?m|my name(?: is|['’]s)|call me|this is|you are (?:talking|speaking|chatting) (?:to|with)"
    r"|I was (?:made|trained|developed|created|built|designed)(?: and \w+)? by"
    r"|(?:AI|(?:language )?model|assistant|chatbot),? (?:made|trained|developed|created|built|designed)(?: and \w+)? by"
    r"|as an? (?:AI|(?:large )?language model|assistant|chatbot)"
    r"|ich bin|mein Name ist|ich heiße|je suis|je m['’]appelle|soy|me llamo|sono|mi chiamo|eu sou|meu nome é"
    r"|我是|我叫|私は|저는|я|меня зовут"
)
"""By what an answer speaks of itself, in the languages that models mostly speak."""
MOST_MENTIONS = 200
"""Names in an answer that are looked at."""
_ENDS = re.compile(r"[.!?。！？\n]")
_BEGINS = re.compile(rf"(?<!\w)(?:{_ITSELF}).{{0,{BETWEEN}}}$", re.IGNORECASE)


class Names:
    """Names of models and of those who make them."""

    def __init__(self, names: Iterable[str]) -> None:
        """A name that is a word like any other, in small letters only, is left out: it would be found everywhere."""
        known = {
            name.casefold(): name
            for each in names
            if len(name := " ".join(each.split())) >= SHORTEST
            and not (name.isalpha() and name.islower())
        }
        any_name = "|".join(sorted(map(_spelt, known.values()), key=len, reverse=True))
        self._names = (
            re.compile(
                rf"(?<![A-Za-z0-9])(?P<name>{any_name})(?:[\d.]*\d|o)?(?![A-Za-z])", re.IGNORECASE
            )
            if known
            else None
        )

    def told(self, text: str) -> str:
        """The name that an answer gives itself, or its maker; "" if it gives none.

        First the names are looked for, then what stands before each: the other way round an answer could be written
        that takes seconds.
        """
        mentions = self._names.finditer(text[:MOST]) if self._names else ()
        for found in islice(mentions, MOST_MENTIONS):
            begin = max(0, found.start() - BETWEEN - LONGEST_BEGINNING)
            sentence = _ENDS.split(text[begin : found.start()])[-1]
            if _BEGINS.search(sentence):
                return " ".join(found["name"].split())
        return ""


def _spelt(name: str) -> str:
    """However it is spaced: GPT-4, GPT 4, GPT4. One that is a word too (Llama) takes its capital."""
    spelt = r"[\s_-]{0,3}".join(re.escape(part) for part in re.split(r"[\s_-]+", name))
    return f"(?-i:{spelt})" if name.isalpha() and name.istitle() else spelt


def aliases(name: str, base: str) -> tuple[str, ...]:
    """By what a version may call itself: its name, and that of its base model with and without what is behind the first
    number: "org/Qwen3-0.6B-Instruct" is Qwen3-0.6B-Instruct, and Qwen3.
    """
    last = base.split("#")[-1].rstrip("/").split("/")[-1]
    family = re.split(r"[-_ ]", last)[0]
    return (name, last, family)
