"""What a trained policy is worth in the embedded world: hidden utility on facts held out of all feedback.

Answers are sampled at temperature 1 to the same questions and paired by question; no model is trained on the utility.
Does not judge a run (`verdict/conclusion.py`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlhb_core import teachers
from rlhb_core.learning.best_of_n import best_of_n
from rlhb_core.learning.diagnostics import distinct
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import ORIGIN, POLICY, START, Metrics, Session, seeded
from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Logged, Pair
from rlhb_core.run.votes import Voted
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import parse, preference_score
from rlhb_core.schema.records import EMBEDDED, Source
from rlhb_core.train.examiner import Answers, Examined
from rlhb_core.verdict.paired import compare_paired
from rlhb_core.world import grade, sample_queries
from rlhb_core.world.annotators import POPULATION, Taste, hidden_utility
from rlhb_core.world.simulation import Author, simulate


def is_simulated(config: RunConfig) -> bool:
    """Whether the run lives in the embedded world, so that its answers can be graded."""
    return config.base == EMBEDDED and config.source is Source.SIMULATED


class WorldExaminer:
    """Grades the answers of runs that live in the embedded world."""

    def watch(self, session: Session) -> "WorldWatch":
        """A look every few iterations."""
        return WorldWatch(session)

    def examine(self, session: Session) -> Examined | None:
        """The trained policy against SFT, its start and itself before the PPO loop."""
        return examine(session) if is_simulated(session.config) else None


def questions(seed: int, count: int) -> list[str]:
    """Questions on held-out facts: the same ones for every run of this seed."""
    return sample_queries(np.random.default_rng(seed + 1), count, held_out=True)


def conditions(
    rows: Sequence[Logged], preferred: str | None, share: float = 0.01
) -> dict[str, str | None]:
    """The conditions under which a version is measured: as it is served, and on the least preferred behaviour."""
    if preferred is None:
        return {"served": None}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.behavior] = counts.get(row.behavior, 0) + 1
    common = [text for text, count in counts.items() if count >= share * len(rows)] or list(counts)
    least = min(common, key=lambda text: (preference_score(parse(text)), -counts[text], text))
    return {"served": preferred, "least preferred": least}


def utilities(
    queries: Sequence[str], texts: Sequence[str], taste: Taste = POPULATION
) -> list[float]:
    """Hidden utility of each answer."""
    return [hidden_utility(query, text, taste) for query, text in zip(queries, texts, strict=True)]


def world_shares(queries: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """Utility, shares of graded answers, length, and how different the answers are."""
    grades = [grade(query, text) for query, text in zip(queries, texts, strict=True)]
    return {
        "utility": float(np.mean(utilities(queries, texts))),
        "correct": float(np.mean([one.correct for one in grades])),
        "garbled": float(np.mean([one.garbled for one in grades])),
        "polite": float(np.mean([one.polite for one in grades])),
        "words": float(np.mean([one.words for one in grades])),
        "distinct_2": distinct([text.split() for text in texts], 2),
    }


def examine(session: Session) -> Examined:
    """The trained policy against the base model (SFT), its start, and itself before the PPO loop."""
    config, condition = session.config, session.split.condition
    queries = questions(config.seed, config.evaluation.samples)
    with seeded(config.seed):  # the same answers of SFT for every run of this seed
        texts: Answers = {"SFT": _ask(session, None, queries, None)}
    baseline = utilities(queries, texts["SFT"])

    def against(name: str, theirs: Sequence[float]) -> dict[str, Any]:
        ours = utilities(queries, texts[name])
        return compare_paired(ours, theirs, config.evaluation.bootstrap)

    def measured(name: str) -> dict[str, Any]:
        return {**world_shares(queries, texts[name]), "against_sft": against(name, baseline)}

    found: dict[str, Any] = {
        "judge": "hidden utility of the simulated annotators, on facts held out of all feedback",
        "sft": world_shares(queries, texts["SFT"]),
        "conditions": {},
    }
    for name, behavior in conditions(session.split.train, condition).items():
        texts[name] = _ask(session, POLICY, queries, behavior)
        found["conditions"][name] = {"behavior": behavior, **measured(name)}
    served = found["conditions"]["served"]
    if condition is not None:
        # what the behaviour text alone does to the model that the run found: not the run's merit
        texts["untrained"] = _ask(session, ORIGIN, queries, condition)
        found["untrained"] = measured("untrained")
    if config.start is not None:
        texts["start"] = _ask(session, ORIGIN, queries, config.start_condition or None)
        found["start"] = world_shares(queries, texts["start"])
        served["against_start"] = against("served", utilities(queries, texts["start"]))
    if session.has_warmed_up:
        texts["warm-up"] = _ask(session, START, queries, condition)
        found["warmup"] = measured("warm-up")
        served["against_warmup"] = against("served", utilities(queries, texts["warm-up"]))
    teacher = teachers.of(config.arm)
    if config.evaluation.best_of and (scorer := teacher.scorer(session)):
        name = f"best of {config.evaluation.best_of}"
        pairs = [Pair(query, None) for query in queries]
        texts[name] = best_of_n(session, pairs, config.evaluation.best_of, scorer).texts
        found["best_of"] = {"n": config.evaluation.best_of, **measured(name)}
    if teacher.foresee:
        found[teacher.name] = teacher.foresee(session, _votes(session))
    return Examined(found, texts)


def _votes(session: Session) -> list[Voted]:
    """Simulated votes, each between three answers of SFT, about held-out facts."""
    count, seed = session.config.evaluation.foreseen_votes, session.config.seed + 7
    asked = simulate(session.trunk, [Author("SFT", Arm.SFT)] * 3, count, seed, held_out=True)
    return [
        Voted(one.query, tuple(one.texts), one.choice)
        for one in asked
        if isinstance(one.choice, int)
    ]


def _ask(
    session: Session, adapter: str | None, queries: Sequence[str], behavior: str | None
) -> list[str]:
    pairs = [Pair(query, behavior) for query in queries]
    found: Rollouts = (
        session.answers_of_base(pairs) if adapter is None else session.answers(adapter, pairs)
    )
    return found.texts


class WorldWatch:
    """Looks at the policy's worth every few iterations of the PPO loop, without touching the run's randomness."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._every = session.config.evaluation.every if is_simulated(session.config) else 0
        self._queries = questions(session.config.seed, session.config.evaluation.every_samples)
        self._baseline: list[float] = []

    def look(self, iteration: int) -> Metrics:
        """Utility and win rate against SFT as the version would be served; nothing between two looks."""
        if not self._every or iteration % self._every:
            return {}
        if not self._baseline:
            self._baseline = self._worth(None, None)
        ours = self._worth(POLICY, self._session.split.condition)
        won = compare_paired(ours, self._baseline, resamples=100)
        return {"eval/utility": float(np.mean(ours)), "eval/win_rate": won["win_rate"]}

    def _worth(self, adapter: str | None, condition: str | None) -> list[float]:
        """Utilities of one answer to each question, drawn with the same numbers every time."""
        with seeded(self._session.config.seed):
            texts = _ask(self._session, adapter, self._queries, condition)
        return utilities(self._queries, texts)
