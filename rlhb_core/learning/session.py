"""What the stages of one run share: trunk and adapters, heads, data, evidence; and what a stage is.

A run is a list of stages and a stage is a list of steps, so that progress, checkpoints, stopping and resuming are
written once (`train/loop.py`) for all of them. Knows no stage.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from rlhb_core.learning.rollout import Rollouts, roll_out
from rlhb_core.lm.scorers import Behaviors, Written, response_features
from rlhb_core.lm.trunk import Trunk
from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Logged, Pair, Split
from rlhb_core.schema.evidence import Evidence

POLICY, START, ORIGIN = "policy", "start", "origin"
"""Adapters on the trunk: the one that is trained; as it was before the PPO loop; as the run found it."""

Metrics = dict[str, float]

AnyEvidence = TypeVar("AnyEvidence", bound=Evidence)


class Stage(Protocol):
    """A part of a run that goes in steps and can be stopped and resumed between any two of them."""

    name: str
    total: int

    def step(self, number: int) -> Metrics:
        """Do step `number` (from 1); the metrics to log, possibly none."""
        ...

    def state(self) -> dict[str, Any]:
        """All that must be kept to go on after the last step, besides the session's own state."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        ...


@runtime_checkable
class Served(Protocol):
    """A stage whose policy is served otherwise than it is trained."""

    def as_served(self) -> AbstractContextManager[None]:
        """Within, the policy is as it would be served."""
        ...


class Session:
    """The shared state of a run."""

    def __init__(
        self, config: RunConfig, split: Split, trunk: Trunk, evidence: Evidence | None = None
    ) -> None:
        """`evidence`: empty, of the kind that the arm's teacher gathers."""
        self.config = config
        self.split = split
        self.trunk = trunk
        self.behaviors = Behaviors(trunk)
        self.heads: dict[str, nn.Module] = {}
        self.evidence = evidence or Evidence()
        """What the verdict stands on, kept in checkpoints."""
        self.result: dict[str, Any] | None = None
        """What came of the run, once it has been judged."""
        if config.start is not None:
            trunk.load_adapter(POLICY, config.start)
        else:
            trunk.add_adapter(POLICY, config.adapter.rank, config.adapter.alpha)
        trunk.copy_adapter(POLICY, ORIGIN)
        trunk.copy_adapter(POLICY, START)

    @property
    def diverged(self) -> bool:
        """Whether a stage gave up."""
        return self.evidence.diverged is not None

    @property
    def has_warmed_up(self) -> bool:
        """Whether the policy had changed before the PPO loop began."""
        origin, start = (self.trunk.adapter_state(name) for name in (ORIGIN, START))
        return any(not torch.equal(origin[key], start[key]) for key in origin)

    def evidence_as(self, kind: type[AnyEvidence]) -> AnyEvidence:
        """The evidence, for a stage that knows whose it is."""
        if not isinstance(self.evidence, kind):
            raise TypeError(f"a run of {self.config.arm} gathers no {kind.__name__}")
        return self.evidence

    def features(self, responses: Sequence[Written]) -> Tensor:
        """Frozen features [N, F] of responses."""
        sampling = self.config.sampling
        return response_features(
            self.trunk,
            responses,
            max(8, sampling.batch // 4),
            sampling.max_prompt_tokens,
            sampling.max_new_tokens + 1,
        )

    def logged_features(self, rows: Sequence[Logged]) -> Tensor:
        """Frozen features of logged responses."""
        return self.features([Written(row.query, row.response, row.ended) for row in rows])

    def answers(self, adapter: str, pairs: Sequence[Pair], keep: bool = False) -> Rollouts:
        """Responses of one of the policies; with `keep` also what it said of every token."""
        with self.trunk.using(adapter):
            return roll_out(self.trunk, pairs, self.config.sampling, keep)

    def as_deployed(self, queries: Sequence[str]) -> list[Pair]:
        """The queries as the version that the run starts from was asked them:
        on the behaviour that it was served on.
        """
        return [Pair(query, self.config.start_condition or None) for query in queries]

    def answers_of_base(self, pairs: Sequence[Pair]) -> Rollouts:
        """Responses of the base model itself."""
        with self.trunk.using(None):
            return roll_out(self.trunk, pairs, self.config.sampling)

    # --- state ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint must hold of the session."""
        return {
            "adapters": {
                name: {key: value.clone() for key, value in self.trunk.adapter_state(name).items()}
                for name in (POLICY, START)
            },
            "heads": {name: head.state_dict() for name, head in self.heads.items()},
            "evidence": self.evidence.stored(),
            "result": self.result,
            "random": random_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state. Heads must have been made by the stages that own them."""
        for name, weights in state["adapters"].items():
            self.trunk.set_adapter_state(name, weights)
        for name, weights in state["heads"].items():
            if name in self.heads:
                self.heads[name].load_state_dict(weights)
        self.evidence = type(self.evidence).model_validate(state["evidence"])
        self.result = state.get("result") or state["evidence"].get("result")
        set_random_state(state["random"])


def seed_all(seed: int) -> None:
    """Seed every generator of randomness."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries draw from the global one
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws of torch within this block follow from the seed, and those after it do not notice."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def random_state() -> dict[str, Any]:
    """States of all generators of randomness."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Take up the states of `random_state`."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
