"""Everyday questions, for models that have read more than the closed world: what people ask about, in the ways in
which they ask. Made by combination, so that there are many; what is right is not known to anybody here.
"""

import numpy as np

SUBJECTS = (
    "baking bread", "learning to swim", "growing tomatoes", "a job interview", "sleeping better", "saving money",
    "a healthy breakfast", "moving to a new city", "training a puppy", "writing a letter", "public speaking",
    "repairing a bicycle", "drinking enough water", "a long train journey", "reading more books", "cleaning windows",
    "painting a room", "playing the guitar", "making new friends", "running a first marathon", "keeping bees",
    "packing a suitcase", "cooking rice", "working from home", "taking good photographs", "a birthday party",
    "climate and weather", "recycling at home", "the water cycle", "vaccines", "black holes", "the internet",
    "photosynthesis", "volcanoes", "the human heart", "earthquakes", "inflation", "the Roman Empire", "chess",
    "electric cars", "solar panels", "the moon", "migrating birds", "coral reefs", "dinosaurs", "tea", "chocolate",
    "jazz", "poetry", "museums", "democracy", "trade unions", "taxes", "insurance", "passwords", "email", "maps",
    "knitting", "camping", "winter clothes",
)  # fmt: skip
WAYS = (
    "What should I know about {}?",
    "Give me one good tip about {}.",
    "Explain {} to a child.",
    "Why do people care about {}?",
    "What do beginners get wrong about {}?",
    "Tell me something surprising about {}.",
    "How would you describe {} in a few words?",
    "What are the advantages of {}?",
    "Can you summarise the most important thing about {}?",
    "How does one get started with {}?",
    "Is there a common myth about {}?",
    "What question should I ask an expert on {}?",
)
HELD_OUT_WAYS = 2
"""The last ways of asking are kept for measuring, and so is every fifth subject."""


def everyday_queries(rng: np.random.Generator, count: int, held_out: bool = False) -> list[str]:
    """So many questions. Those with `held_out` have subjects that the others never have."""
    subjects = [each for index, each in enumerate(SUBJECTS) if (index % 5 == 4) == held_out]
    ways = WAYS if held_out else WAYS[:-HELD_OUT_WAYS]
    whole = [way.format(subject) for subject in subjects for way in ways]
    rounds = -(-count // len(whole))
    return [whole[i] for _ in range(rounds) for i in rng.permutation(len(whole)).tolist()][:count]
