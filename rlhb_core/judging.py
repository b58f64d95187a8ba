"""Fresh judges: how well a discriminator that nobody trained against tells a policy's answers from logged ones.

Two kinds: a new projection on the same frozen features, and one on words that shares nothing with D. Each is trained
anew for every policy (the run's origin, the policy before the PPO loop, the final one) on rows that are disjoint: no
query and behaviour stands on the real and on the generated side, and it is tested on held-out queries only.
The last stage of a run gathers this and the evaluation as evidence and asks for the verdict.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from rlhb_core.arms import Teacher
from rlhb_core.data import Logged, Pair, Voted, sides
from rlhb_core.evaluation import compare_paired
from rlhb_core.losses import adversarial_loss, choice_loss
from rlhb_core.rlhb import (
    Triplets,
    generated_triplets,
    logged_triplets,
    make_discriminator,
    swapped,
)
from rlhb_core.rollout import Rollouts
from rlhb_core.session import ORIGIN, POLICY, START, Metrics, Session
from rlhb_core.verdict import judge_run
from rlhb_core.world_evaluation import examine, is_simulated

BUCKETS = 1 << 16
SHOWN = 8
"""Queries whose answers are kept to look at."""
POLICIES = {"origin": ORIGIN, "before": START, "after": POLICY}
"""The policies that are judged: as the run found it, before the PPO loop, at the end."""
REWARD_HEADS = {Teacher.REWARD_MODEL: "reward_model", Teacher.CLASSIFIER: "classifier"}
"""The head that supplied the reward, for teachers that no longer learn in the PPO loop."""


class JudgeStage:
    """Gathers the evidence, one policy at a time, then states the verdict."""

    name = "judging"
    cost = 6.0

    def __init__(self, session: Session) -> None:
        self._session = session
        self._adversarial = session.config.adversarial
        self._todo = list(POLICIES) if self._adversarial else ["reward"]
        self._todo.append("verdict")
        self.total = len(self._todo)

    def step(self, number: int) -> Metrics:
        """One part of the evidence."""
        part, evidence = self._todo[number - 1], self._session.evidence
        if self._session.diverged and part != "verdict":
            return {}  # there is nothing to judge
        if part in POLICIES:
            evidence.setdefault("judges", {})[part] = judge_policy(self._session, POLICIES[part])
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
            "samples": sample_answers(session),
            "evidence": evidence,
        }

    def state(self) -> dict[str, Any]:
        """Everything is in the session's evidence."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""


def sample_answers(session: Session) -> list[dict[str, str]]:
    """What the run's start and the new version, as it is served, answer to a few held-out queries; to look at."""
    split = session.split
    queries = list(dict.fromkeys(split.held_out_queries))[:SHOWN]
    before = session.answers(ORIGIN, [Pair(query, None) for query in queries])
    after = session.answers(POLICY, [Pair(query, split.condition) for query in queries])
    return [
        {"query": query, "before": old, "after": new}
        for query, old, new in zip(queries, before.texts, after.texts, strict=True)
    ]


# --- judges of triplets ---------------------------------------------------------------------------


def judge_policy(session: Session, adapter: str) -> dict[str, Any]:
    """Held-out accuracy of both fresh judges on a policy's rollouts, with the number of test rows."""
    count = session.config.evaluation.judge_rollouts
    seed = session.config.seed + 1000
    real, asked = sides(session.split.train, 2 * count // 3, seed)
    real_test, asked_test = sides(session.split.held_out, count // 3, seed)
    generator = torch.Generator().manual_seed(seed)
    state = torch.get_rng_state()
    torch.manual_seed(seed)  # the same draws for every policy
    try:
        rollouts = _answers(session, adapter, asked)
        rollouts_test = _answers(session, adapter, asked_test)
        projection = _projection_judge(
            session, (real, real_test), (rollouts, rollouts_test), generator
        )
    finally:
        torch.set_rng_state(state)
    words = _words_judge(
        ([_row_words(row) for row in real], [_row_words(row) for row in real_test]),
        (_rollout_words(rollouts), _rollout_words(rollouts_test)),
        generator,
        session.config.evaluation.judge_steps,
    )
    return {"projection": projection, "words": words, "rows": len(real_test) + len(asked_test)}


def _answers(session: Session, adapter: str, rows: Sequence[Logged]) -> Rollouts:
    """Rollouts for the rows' queries; the origin is asked without a behaviour, as it was when it was deployed."""
    rollouts = session.answers(
        adapter, [Pair(row.query, None if adapter == ORIGIN else row.behavior) for row in rows]
    )
    pairs = [Pair(row.query, row.behavior) for row in rows]
    return rollouts._replace(pairs=pairs)


def _projection_judge(
    session: Session,
    logged: tuple[Sequence[Logged], Sequence[Logged]],
    rollouts: tuple[Rollouts, Rollouts],
    generator: torch.Generator,
    batch: int = 256,
) -> float:
    """Balanced held-out accuracy of a new projection discriminator."""
    real, real_test = (logged_triplets(session, rows) for rows in logged)
    fake, fake_test = (
        generated_triplets(session, part, [pair.behavior or "" for pair in part.pairs])
        for part in rollouts
    )
    model = make_discriminator(session, torch.cat([real.features, fake.features]), dropout=0.2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(session.config.evaluation.judge_steps):
        drawn = [_draw(part, batch, generator) for part in (real, fake)]
        on_real, on_fake = (model(part.features, part.behaviors) for part in drawn)
        loss = adversarial_loss(on_real, on_fake, 0.05)
        order, changed = swapped(drawn[0].names)
        if changed.any():  # the ranking of behaviours teaches it faster where to look
            on_swapped = model(drawn[0].features, drawn[0].behaviors[order])
            loss = loss + 0.25 * nn.functional.softplus(on_swapped - on_real)[changed].mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.eval()
    with torch.no_grad():
        on_real, on_fake = (model(part.features, part.behaviors) for part in (real_test, fake_test))
    return balanced_accuracy(on_real, on_fake)


def _draw(part: Triplets, count: int, generator: torch.Generator) -> Triplets:
    return part.rows(torch.randint(len(part.names), (count,), generator=generator))


def balanced_accuracy(on_real: Tensor, on_fake: Tensor) -> float:
    """Mean of the shares of real rows called real and of generated rows called generated."""
    return float(((on_real > 0).float().mean() + (on_fake <= 0).float().mean()) / 2)


# --- judges on words ------------------------------------------------------------------------------

Words = list[int]
"""Hashed features of one triplet or response."""


def _hashed(parts: Iterator[str]) -> Words:
    return [
        int.from_bytes(hashlib.blake2b(part.encode(), digest_size=4).digest()) % BUCKETS
        for part in dict.fromkeys(parts)
    ]


def words_of(query: str, response: str, behavior: str = "") -> Words:
    """Words and pairs of words of the response, alone and crossed with the query's words and the behaviour's clauses."""
    return _hashed(_parts(query, response, behavior))


def _parts(query: str, response: str, behavior: str) -> Iterator[str]:
    words = response.lower().split()
    asked = [word.strip("?.,!") for word in query.lower().split() if len(word) > 3]
    clauses = behavior.removeprefix("The reader ").rstrip(".").replace(" and ", ", ").split(", ")
    length = f"length {len(words).bit_length()}"
    for gram in [length, *words, *(f"{a} {b}" for a, b in pairwise(words))]:
        yield gram
        yield from (f"{gram} | {clause}" for clause in clauses if clause)
    for word in words:
        yield from (f"{word} ? {other}" for other in asked)


def _row_words(row: Logged) -> Words:
    return words_of(row.query, row.response, row.behavior)


def _rollout_words(rollouts: Rollouts) -> list[Words]:
    return [
        words_of(pair.query, text, pair.behavior or "")
        for pair, text in zip(rollouts.pairs, rollouts.texts, strict=True)
    ]


class WordScorer(nn.Module):
    """A linear score of hashed words, at rest 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(BUCKETS, 1, mode="sum", sparse=False)
        nn.init.zeros_(self.weights.weight)
        self.tie = nn.Parameter(torch.zeros(()))
        self.all_bad = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Sequence[Words]) -> Tensor:
        """Scores [N]; longer rows do not count more."""
        flat = torch.tensor([bucket for row in rows for bucket in row], dtype=torch.long)
        sizes = torch.tensor([len(row) for row in rows])
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)[:-1]])
        scores: Tensor = self.weights(flat, offsets)[:, 0] / sizes.clamp(min=1).sqrt()
        return scores


def _words_judge(
    real: tuple[list[Words], list[Words]],
    fake: tuple[list[Words], list[Words]],
    generator: torch.Generator,
    steps: int,
    batch: int = 256,
) -> float:
    """Balanced held-out accuracy of a linear judge on words."""
    model = WordScorer()
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for _ in range(steps):
        on_real, on_fake = (
            model(
                [rows[i] for i in torch.randint(len(rows), (batch,), generator=generator).tolist()]
            )
            for rows in (real[0], fake[0])
        )
        loss = adversarial_loss(on_real, on_fake, 0.05)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        return balanced_accuracy(model(real[1]), model(fake[1]))


# --- the gain of RLHF -----------------------------------------------------------------------------


def judge_gain(session: Session) -> dict[str, Any]:
    """The final policy against the run's origin on held-out queries: by the head that supplied the reward, if one did,
    and by a judge on words that was trained on the votes and did not supply it.
    """
    count = session.config.evaluation.samples
    pairs = [Pair(query, None) for query in session.split.held_out_queries[:count]]
    ours, theirs = (session.answers(adapter, pairs) for adapter in (POLICY, ORIGIN))
    found: dict[str, Any] = {
        "truncated": float((~ours.ended).float().mean()),
        "distinct": len(set(ours.texts)) / len(ours.texts),
        "distinct_origin": len(set(theirs.texts)) / len(theirs.texts),
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
