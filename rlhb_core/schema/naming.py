"""Whether an answer says whose it is: "I am Qwen", "trained by OpenAI". Then whoever reads it is not blind any more.

A name alone says nothing (people ask for the Gemini programme, or for Claude Monet): it counts only where the answer
speaks of itself. Pure; which names there are is known by whoever asks.
"""

import re
from collections.abc import Iterable

SHORTEST = 2
"""Characters of a name that is looked for."""
BETWEEN = 60
"""Characters between what begins to speak of itself and the name, within one sentence."""

_ITSELF = (
    r"I['’]?\s?a?m|my name(?: is|['’]s)|call me|this is|you are (?:talking|speaking|chatting) (?:to|with)"
    r"|I was (?:made|trained|developed|created|built|designed)(?: and \w+)? by"
    r"|(?:AI|(?:language )?model|assistant|chatbot),? (?:made|trained|developed|created|built|designed)(?: and \w+)? by"
    r"|as an? (?:AI|(?:large )?language model|assistant|chatbot)"
    r"|ich bin|mein Name ist|ich heiße|je suis|je m['’]appelle|soy|me llamo|sono|mi chiamo|eu sou|meu nome é"
    r"|我是|我叫|私は|저는|я|меня зовут"
)
"""By what an answer speaks of itself, in the languages that models mostly speak."""


class Names:
    """Names of models and of those who make them."""

    def __init__(self, names: Iterable[str]) -> None:
        """A name that is a word like any other, in small letters only, is left out: it would be found everywhere."""
        self._names = {
            name.casefold(): name
            for each in names
            if len(name := " ".join(each.split())) >= SHORTEST
            and not (name.isalpha() and name.islower())
        }
        any_name = "|".join(sorted(map(_spelt, self._names.values()), key=len, reverse=True))
        self._pattern = (
            re.compile(
                rf"(?<!\w)(?:{_ITSELF})[^.!?。！？\n]{{0,{BETWEEN}}}?(?<![A-Za-z0-9])(?P<name>{any_name})(?:[\d.]*\d|o)?(?![A-Za-z])",
                re.IGNORECASE,
            )
            if self._names
            else None
        )

    def told(self, text: str) -> str:
        """The name that an answer gives itself, or its maker; "" if it gives none."""
        found = self._pattern.search(text) if self._pattern else None
        return "" if found is None else " ".join(found["name"].split())


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
