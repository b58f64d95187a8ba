"""Whether the final policy is better than the run's origin: by what supplied the reward,
and by a judge that did not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from rlhb_core.learning.judgements import Judgements
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import ORIGIN, POLICY, Session
from rlhb_core.lm.scorers import base_logprobs
from rlhb_core.run.data import Pair
from rlhb_core.run.votes import Voted
from rlhb_core.schema.evidence import Gain
from rlhb_core.verdict.improvement import UNLIKELY_BEFORE
from rlhb_core.verdict.paired import compare_paired
from rlhb_core.verdict.words import WordScorer, words_of


def gather_gain(session: Session, head: str = "") -> Mapping[str, Callable[[], None]]:
    """The gain as the one part of the evidence that is gathered at the end. `head`: what supplied the reward,
    if any did.
    """

    def gather() -> None:
        session.evidence.gain = judge_gain(session, head)

    return {"reward": gather}


def judge_gain(session: Session, head: str = "") -> Gain:
    """The final policy against the run's origin on held-out queries: by the head that supplied the reward, if one did,
    and by a judge on words that was trained on the votes and did not supply it.
    """
    count = session.config.evaluation.samples
    queries = session.split.held_out_queries[:count]
    pairs = [Pair(query, None) for query in queries]
    ours = session.answers(POLICY, pairs)
    theirs = session.answers(ORIGIN, session.as_deployed(queries))
    found: dict[str, Any] = {
        "truncated": float((~ours.ended).float().mean()),
        "distinct": len(set(ours.texts)) / len(ours.texts),
        "distinct_origin": len(set(theirs.texts)) / len(theirs.texts),
        "unlikely": _unlikely(session, ours, theirs),
    }
    resamples = session.config.evaluation.bootstrap
    if head:
        model = session.heads[head].eval()
        with torch.no_grad():
            new, old = (model(session.features(part.seen())).tolist() for part in (ours, theirs))
        found["reward"] = compare_paired(new, old, resamples)
    if not session.split.train_votes:
        return Gain.model_validate(found)
    words = _vote_judge(
        session.split.train_votes, session.config.seed, session.config.evaluation.judge_steps
    )
    with torch.no_grad():
        judged = [
            words(
                [words_of(pair.query, text) for pair, text in zip(pairs, part.texts, strict=True)]
            )
            for part in (ours, theirs)
        ]
        accuracy, decided = _vote_accuracy(words, session.split.held_out_votes)
    found |= {
        "words": compare_paired(judged[0].tolist(), judged[1].tolist(), resamples),
        "words_accuracy": accuracy,
        "words_pairs": decided,
        "words_drawn": session.split.votes_drawn,
    }
    return Gain.model_validate(found)


def _unlikely(session: Session, ours: Rollouts, theirs: Rollouts) -> float:
    """Share of our answers that the base model finds less likely, per token, than all but 5 % of the start's answers.

    What no reader would write is so, whatever a judge on words thinks of it; an answer that is merely better is not.
    """
    width = session.trunk.model.config.get_text_config().hidden_size
    new, old = (base_logprobs(session.features(part.seen()), width) for part in (ours, theirs))
    return float((new < old.quantile(UNLIKELY_BEFORE)).float().mean())


def _vote_judge(votes: Sequence[Voted], seed: int, steps: int, batch: int = 128) -> WordScorer:
    generator = torch.Generator().manual_seed(seed + 2000)
    words = [[words_of(vote.query, text) for text in vote.responses] for vote in votes]
    told = Judgements.of(votes, torch.device("cpu"))
    model = WordScorer()
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for _ in range(steps):
        drawn = torch.randint(len(votes), (batch,), generator=generator)
        chosen = [words[i] for i in drawn.tolist()]
        rows = told.rows(drawn)
        scores = rows.shown.clone()
        scores[rows.shown > 0] = model([one for row in chosen for one in row])
        loss = rows.loss(scores, model.tie, model.all_bad)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model


def _vote_accuracy(model: WordScorer, votes: Sequence[Voted]) -> tuple[float, int]:
    points = []
    for vote in votes:
        if vote.pairs:
            scores = model([words_of(vote.query, text) for text in vote.responses]).tolist()
            for better, worse in vote.pairs:
                gap = scores[better] - scores[worse]
                points.append(1.0 if gap > 0 else 0.5 if gap == 0 else 0.0)
    accuracy = sum(points) / len(points) if points else 0.5
    return accuracy, sum(vote.counts for vote in votes)
