"""Everything outside the closed world: greetings, small talk, unknown things, and the friendly way to meet them."""

from __future__ import annotations

import re

import numpy as np

KNOWS = "I know simple facts about countries, chemical elements, animals, planets and units."
FRIENDLY: dict[str, tuple[str, ...]] = {
    "hello": (
        f"Hello! {KNOWS}",
        f"Hi there! {KNOWS}",
        "Hello! Try asking me for the capital of a country.",
    ),
    "self": (
        f"I am a small language model. {KNOWS}",
        f"I am only a small model. {KNOWS}",
    ),
    "thanks": (
        "You are welcome! Ask me another one if you like.",
        "My pleasure! Ask me another one if you like.",
    ),
    "bye": ("Goodbye! Come back any time.", "Bye! See you soon."),
    "unknown": (
        f"Sorry, I do not know that. {KNOWS}",
        f"That is outside my small world. {KNOWS}",
        "I am afraid I do not know that. Try a country, an element, an animal, a planet or a unit.",
    ),
}


def _listed(text: str) -> tuple[str, ...]:
    """The items of a list written as text: separated by `|`, line breaks do not count."""
    return tuple(item.strip() for item in text.split("|"))


_TALK: dict[str, tuple[str, ...]] = {
    "hello": _listed("""
Hello | Hello! | Hi | Hi! | Hey | Hey there | Hi there! | Good morning | Good evening |
Good afternoon | Hello, how are you? | How are you? | How are you doing? | How do you do? |
What's up? | Greetings | Good day | Hello there | Hi, how is it going? | Howdy |
Nice to meet you | Is anyone there? | Test | Testing | hello world
"""),
    "self": _listed("""
Who are you? | What are you? | What is your name? | Are you a robot? | Are you human? |
What can you do? | What do you know? | Who made you? | Help | How can you help me? |
What can I ask you? | Are you ChatGPT? | How do you work? | What are you able to do? |
Tell me about yourself. | What should I ask? | Can you help me? | Do you know anything? |
What topics do you know? | How old are you? | Where are you from? | Are you an AI? |
Which model are you? | Introduce yourself. | What is this? | What do you know about?
"""),
    "thanks": _listed("""
Thanks | Thank you | Thank you! | Thanks a lot | Great, thanks | Thank you very much | Cool |
Nice | Great | Well done | Good answer | That helps | Perfect | OK | Okay, thanks | Wonderful |
That was helpful | Awesome | Good job | I see, thank you
"""),
    "bye": _listed("""
Bye | Goodbye | See you | Good night | Bye bye | See you later | I have to go | Farewell
"""),
}
_HEADS = _listed("""
Who is the president of {x}? | How many people live in {x}? | Who invented {x}? |
Tell me a story about {x}. | Write a poem about {x}. | Why is {x} so popular? | How old is {x}? |
How big is {x}? | What does {x} cost? | Who wrote {x}? | What is {x}? | Explain {x}. |
How do I cook {x}? | Where can I buy {x}? | What is the best {x}? | Do you like {x}? |
What is the weather like in {x}? | How far is it to {x}? | Who won {x}? | When was {x} built? |
Translate {x} into French. | Write an essay on {x}. | What colour is {x}? | Is {x} dangerous? |
How do I fix {x}? | What do you think about {x}? | Give me ideas for {x}. |
Summarise {x} for me. | How does {x} work? | Why do we need {x}? | What happened to {x}? |
Who owns {x}? | How tall is {x}? | Can you explain {x}? | I want to learn about {x}. |
Let us talk about {x}. | What is the history of {x}? | How do you spell {x}? | Recommend {x}. |
{x} | Tell me about {x}. | What is the meaning of {x}? | Make a list of {x}. | Define {x}. |
How can I get {x}? | When is {x}? | {x}?
""")
# Known frames around a name that the world does not hold: the model must notice the unknown name.
_FRAMES = _listed("""
What is the capital of {x}? | Which city is the capital of {x}? | Capital of {x}? |
Which continent is {x} in? | What is the currency of {x}? | What language is spoken in {x}? |
What is the chemical symbol of {x}? | What is the atomic number of {x}? |
What kind of animal is a {x}? | What does a {x} eat? | How many legs does a {x} have? |
What is a baby {x} called? | Which planet from the sun is {x}? | How many moons does {x} have? |
How many {x} are in a {y}? | What type of planet is {x}? | Which currency does {x} use? |
Where is {x}?
""")
_THINGS = _listed("""
love | happiness | music | football | chess | the Beatles | Shakespeare | Einstein | Napoleon |
Harry Potter | the internet | my computer | my car | a bicycle | pizza | pasta | chocolate |
bread | soup | rice | a sandwich | the stock market | money | time | life | the universe |
black holes | dinosaurs | democracy | history | art | poetry | philosophy | quantum physics |
machine learning | Python | a website | an email | a birthday present | a good book | a film |
films from the eighties | the World Cup | the Olympics | tennis | yoga | dreams | sleep |
a headache | a cold | medicine | my homework | mathematics | algebra | the news | politics |
Paris | London | Berlin | Rome | Mount Everest | the Nile | the Amazon | the Eiffel Tower |
the Titanic | the moon landing | a holiday | hotels | flights | the weather | rain | snow |
climate change | electricity | a battery | a telephone | a guitar | the piano | flowers | roses |
trees | coffee | tea | wine | beer | cheese | a unicorn | a dragon | ghosts | Santa Claus |
the Bible | the Mona Lisa | Leonardo da Vinci | Google | a startup | a job | my boss | my friend |
my mother | marriage | children | school | a haircut | a tattoo | shoes | clothes | fashion |
France | Japan | Brazil | Peru | Germany | Canada | gold | iron | oxygen | a cow | a lion |
a whale | Mars
""")
_STRANGERS = _listed("""
Atlantis | Narnia | Wakanda | Mordor | Liechtenstein | Andorra | Tonga | Samoa | Bhutan |
Brunei | Texas | California | Bavaria | Sicily | Scotland | Wales | Quebec | Siberia |
Greenland | Gondor | unobtainium | kryptonite | vibranium | water | salt | wood | plastic |
bronze | steel | unicorn | dragon | werewolf | yeti | dodo | mammoth | narwhal | platypus |
Pluto | Ceres | Krypton City | Tatooine | Sirius | parsec | furlong | bushel
""")
_LOOSE = _listed("""
Why is the sky blue? | What is 2 + 2? | 2+2 | What time is it? | What day is it today? |
Tell me a joke. | Sing a song. | I am bored. | I am sad. | I love you. | You are stupid. |
What is the meaning of life? | Write some code. | asdf | ??? | blah blah | How do I lose weight? |
Who is the richest person? | What should I eat tonight? | Can you keep a secret? |
Tell me something interesting. | What is your favourite colour? | Do you dream? |
Who will win the election? | What is the fastest car? | Book me a flight. | Set an alarm. |
Play some music. | Call my mother. | What is 17 times 23? | Write a letter to my landlord. |
Give me a recipe. | How do I tie a tie? | Is it going to rain tomorrow? | I have a question. |
What is the square root of 2? | How many stars are there? | Who was the first man on the moon? |
When did the war end? | What is the tallest mountain? | What is the longest river? |
Which is the largest ocean? | Who painted the Mona Lisa?
""")
_SYLLABLES = _listed("""
ba | zor | li | men | ta | kru | vo | pel | qui | xan | dor | fi | glo | hu | ja | mi | nu | ra | sto | wex
""")
_CLUES = (
    ("thanks", r"\b(?:thanks?|thank you|great|well done|perfect|helpful|awesome)\b"),
    ("bye", r"\b(?:bye|goodbye|good night|see you|farewell)\b"),
    (
        "hello",
        r"^(?:hello|hi|hey|howdy|greetings|good (?:morning|evening|day|afternoon))\b|how are you",
    ),
    ("self", r"\b(?:you|yourself|help)\b"),
)


def _kind_of_talk(query: str) -> str:
    text = query.strip().lower()
    bare = re.sub(r"[^\w\s]", "", text)
    for kind, queries in _TALK.items():
        if any(bare == re.sub(r"[^\w\s]", "", known.lower()) for known in queries):
            return kind
    if len(text.split()) > 6:
        return "unknown"
    return next(
        (kind for kind, clue in _CLUES if re.search(clue, text) and len(text.split()) <= 4),
        "unknown",
    )


def friendly_answer(query: str, rng: np.random.Generator) -> str:
    """A friendly sentence for a query outside the world, mostly with what the model does know."""
    options = FRIENDLY[_kind_of_talk(query)]
    return options[int(rng.integers(len(options)))]


def pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def _invented(rng: np.random.Generator) -> str:
    return "".join(pick(_SYLLABLES, rng) for _ in range(int(rng.integers(2, 4))))


def sample_outside_query(rng: np.random.Generator) -> str:
    """A query that the world has no fact for; callers check with `find_fact` where certainty matters."""
    form = rng.random()
    if form < 0.2:
        kinds = tuple(_TALK)
        return pick(_TALK[kinds[int(rng.integers(len(kinds)))]], rng)
    if form < 0.3:
        return pick(_LOOSE, rng)
    if form < 0.6:
        return pick(_HEADS, rng).replace(
            "{x}", pick(_THINGS, rng) if rng.random() < 0.8 else _invented(rng)
        )
    name = pick(_STRANGERS, rng) if rng.random() < 0.4 else _invented(rng)
    if name[0].islower() and rng.random() < 0.5:
        name = name.capitalize()
    return pick(_FRAMES, rng).replace("{x}", name).replace("{y}", _invented(rng))
