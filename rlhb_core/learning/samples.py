"""What a run looks at beside its training: its logged answers' lengths, and what it answers to a few held-out queries.

Draws from nothing that training draws from, so that looking changes no run.
"""

from typing import TypedDict

from rlhb_core.learning.diagnostics import Lengths, lengths_of
from rlhb_core.learning.session import ORIGIN, POLICY, Session, seeded
from rlhb_core.lm.generator import encode_response
from rlhb_core.run.data import Pair
from rlhb_core.schema.history import unpacked

SHOWN = 8
"""Queries whose answers are kept at the end of a run."""
FOLLOWED = 6
"""Queries that are answered at every checkpoint."""
LENGTH_ROWS = 512
"""Logged answers whose length is measured."""


class Sample(TypedDict):
    """One answer on the way."""

    query: str
    behavior: str
    response: str


def held_out_queries(session: Session, count: int) -> list[str]:
    """The first few different queries that the run was never trained on."""
    return list(dict.fromkeys(session.split.held_out_queries))[:count]


def answers_on_the_way(session: Session) -> list[Sample]:
    """What the policy answers now, as it would be served; the same queries and the same draws every time."""
    condition = session.split.condition
    pairs = [Pair(query, condition) for query in held_out_queries(session, FOLLOWED)]
    with seeded(session.config.seed):
        texts = session.answers(POLICY, pairs).texts
    return [
        Sample(query=unpacked(pair.query).query, behavior=condition or "", response=text)
        for pair, text in zip(pairs, texts, strict=True)
    ]


def answers_at_the_end(session: Session) -> list[dict[str, str]]:
    """What the run's start and the new version, as it is served, answer; to look at."""
    queries = held_out_queries(session, SHOWN)
    before = session.answers(ORIGIN, session.as_deployed(queries))
    after = session.answers(POLICY, [Pair(query, session.split.condition) for query in queries])
    return [
        {"query": unpacked(query).query, "before": old, "after": new}
        for query, old, new in zip(queries, before.texts, after.texts, strict=True)
    ]


def logged_lengths(session: Session) -> Lengths:
    """Lengths of the logged answers that the arm learns from, in tokens, cut where the run's own answers are."""
    split, longest = session.split, session.config.sampling.max_new_tokens
    if session.config.learns_from_votes:
        texts = [(text, True) for vote in split.train_votes for text in vote.responses]
    else:
        texts = [(row.response, row.ended) for row in split.train if row.whole]
    some = texts[:: max(1, len(texts) // LENGTH_ROWS)]
    return lengths_of([encode_response(session.trunk, *text)[:longest] for text in some])
