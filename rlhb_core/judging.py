"""The last stage of a run: gathers the evidence (fresh judges, gain by another judge, evaluation), then asks for the verdict.

Knows where evidence comes from, not what it means (`verdict.py`).
"""

from collections.abc import Sequence
from typing import Any

import torch

from rlhb_core.arms import Teacher
from rlhb_core.data import Pair, Voted
from rlhb_core.evaluation import compare_paired
from rlhb_core.fresh_judges import FreshJudges
from rlhb_core.improvement import UNLIKELY_BEFORE
from rlhb_core.losses import choice_loss
from rlhb_core.rlhb import Side
from rlhb_core.rollout import Rollouts
from rlhb_core.samples import answers_at_the_end
from rlhb_core.scorers import base_logprobs
from rlhb_core.session import ORIGIN, POLICY, START, Metrics, Session
from rlhb_core.verdict import judge_run
from rlhb_core.words import WordScorer, words_of
from rlhb_core.world_evaluation import examine, is_simulated

POLICIES = {"origin": ORIGIN, "before": START, "after": POLICY}
"""The policies that are judged: as the run found it, before the PPO loop, at the end."""
REWARD_HEADS = {Teacher.REWARD_MODEL: "reward_model", Teacher.CLASSIFIER: "classifier"}
"""The head that supplied the reward, for teachers that no longer learn in the PPO loop."""


class JudgeStage:
    """Gathers the evidence, one policy at a time, then states the verdict."""

    name = "judging"

    def __init__(self, session: Session, side: Side | None = None) -> None:
        """`side`: the logged triplets, if the reward came from a discriminator."""
        self._session = session
        self._judges = FreshJudges(session, side) if side is not None else None
        self._todo = list(POLICIES) if self._judges else ["reward"]
        self._todo.append("verdict")
        self.total = len(self._todo)

    def step(self, number: int) -> Metrics:
        """One part of the evidence."""
        part, evidence = self._todo[number - 1], self._session.evidence
        if self._session.diverged and part != "verdict":
            return {}  # there is nothing to judge
        if part in POLICIES and self._judges is not None:
            evidence.setdefault("judges", {})[part] = self._judges.judge(POLICIES[part])
        elif part == "reward":
            evidence["gain"] = judge_gain(self._session)
        else:
            evidence["result"] = self._result()
        return {}

    def _result(self) -> dict[str, Any]:
        session = self._session
        config = session.config
        evidence = {key: value for key, value in session.evidence.items() if key != "result"}
        examined = None
        if is_simulated(config) and not session.diverged:
            examined = examine(session)
        verdict = judge_run(config.arm, evidence, config.ppo.kl_stop)
        return {
            "arm": config.arm.value,
            "condition": session.split.condition,
            "verdict": verdict.as_json(),
            "evaluation": examined and examined.figures,
            "answers": examined and examined.answers,
            "samples": answers_at_the_end(session),
            "evidence": evidence,
        }

    def state(self) -> dict[str, Any]:
        """Everything is in the session's evidence."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""


# --- the gain of RLHF -----------------------------------------------------------------------------


def judge_gain(session: Session) -> dict[str, Any]:
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
    head = REWARD_HEADS.get(session.config.teacher)
    if head is not None:
        model = session.heads[head].eval()
        with torch.no_grad():
            new, old = (model(session.features(part.seen())).tolist() for part in (ours, theirs))
        found["reward"] = compare_paired(new, old, resamples)
    if not session.split.train_votes:
        return found
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
    return found | {
        "words": compare_paired(judged[0].tolist(), judged[1].tolist(), resamples),
        "words_accuracy": accuracy,
        "words_pairs": decided,
        "words_drawn": session.split.votes_drawn,
    }


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
    outcomes = torch.tensor([vote.outcome for vote in votes])
    weights = torch.tensor([vote.weight for vote in votes])
    most = max(map(len, words))
    model = WordScorer()
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for _ in range(steps):
        drawn = torch.randint(len(votes), (batch,), generator=generator)
        chosen = [words[i] for i in drawn.tolist()]
        shown = torch.tensor([[float(i < len(row)) for i in range(most)] for row in chosen])
        scores = shown.clone()
        scores[shown > 0] = model([one for row in chosen for one in row])
        loss = choice_loss(scores, shown, outcomes[drawn], model.tie, model.all_bad, weights[drawn])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model


def _vote_accuracy(model: WordScorer, votes: Sequence[Voted]) -> tuple[float, int]:
    points = []
    for vote in votes:
        if vote.outcome >= 0:
            scores = model([words_of(vote.query, text) for text in vote.responses]).tolist()
            best = scores[vote.outcome]
            points += [
                1.0 if best > other else 0.5 if best == other else 0.0
                for index, other in enumerate(scores)
                if index != vote.outcome
            ]
    return (sum(points) / len(points) if points else 0.5), len(points)
