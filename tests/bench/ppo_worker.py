"""A worker: PPO iterations of ours on the common work.

`python -m tests.bench.ppo_worker MODEL_FOLDER rlhf|rlhb`: with a learned reward model, as TRL, or with a discriminator
that learns beside the policy.
"""

import random
import sys
from pathlib import Path

import torch

from rlhb_core import teachers
from rlhb_core.learning.head_reward import LearnedReward
from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.reward_source import RewardSource
from rlhb_core.learning.session import Session, seed_all
from rlhb_core.lm.generator import encode_prompt
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Logged, Pair, Split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import Voted
from rlhb_core.teachers.discriminator.reward import DiscriminatorReward
from rlhb_core.teachers.discriminator.side import Side
from rlhb_core.teachers.reward_model.stage import RewardModelStage
from tests.bench.turns import serve
from tests.bench.work import (
    ALPHA,
    BATCH,
    EPOCHS,
    MINI_BATCHES,
    NEW_TOKENS,
    RANK,
    queries,
    words,
)

BEHAVIORS = 8
BEHAVIOR_TOKENS = 6


def stage(model_folder: str, arm: str) -> PpoStage:
    """The PPO loop with a source of rewards, both untrained."""
    seed_all(0)
    rng = random.Random(0)
    config = load_recipe(
        arm,
        {
            "base": model_folder,
            "device": "cpu",
            "dtype": "float32",
            "adapter": {"rank": RANK, "alpha": ALPHA},
            "sampling": {"max_new_tokens": NEW_TOKENS},
            "ppo": {
                "iterations": 1000,
                "rollouts": BATCH,
                "minibatch": BATCH // MINI_BATCHES,
                "micro_batch": BATCH // MINI_BATCHES,
                "likelihood_batch": 2
                * BATCH
                // (3 * MINI_BATCHES),  # the recipe's share of a minibatch
                "epochs": EPOCHS,
                "critic_epochs": EPOCHS,
                "critic_warmup": 0,
                "truncated_penalty": 0.0,
                "kl_stop": 1e9,
            },
            "evaluation": {"watch": BATCH // 4},  # the share that a run of 192 rollouts watches
        },
    )
    trunk = load_trunk(model_folder, "cpu", "float32")
    evidence = teachers.of(config.arm).evidence()
    if arm == "rlhf":
        asked = queries(rng, 4 * BATCH)
        votes = [Voted(q, (words(rng, 32), words(rng, 32)), rng.randrange(2)) for q in asked]
        session = Session(
            config, Split([], [], votes[BATCH:], votes[:BATCH], None), trunk, evidence
        )
        RewardModelStage(session)
        source: RewardSource = LearnedReward(session, "reward_model")
        pairs = [Pair(query, None) for query in asked]
    else:
        texts = [words(rng, BEHAVIOR_TOKENS) for _ in range(BEHAVIORS)]
        asked = queries(rng, 8 * BATCH, fewest=9, most=17)
        rows = [Logged(q, words(rng, NEW_TOKENS), rng.choice(texts)) for q in asked]
        session = Session(
            config, Split(rows[BATCH:], rows[:BATCH], [], [], texts[0]), trunk, evidence
        )
        source = DiscriminatorReward(session, Side(session))
        pairs = [Pair(row.query, row.behavior) for row in rows[BATCH:]]
    sizes = {len(encode_prompt(trunk, pair.query, pair.behavior)) for pair in pairs}
    assert sizes <= set(range(20, 29)), sizes
    return PpoStage(session, "ppo", source, pairs, [1.0] * len(pairs))


def main() -> None:
    """Serve iterations."""
    torch.set_num_threads(1)
    ppo = stage(str(Path(sys.argv[1])), sys.argv[2])
    number = 0

    def iteration() -> float:
        nonlocal number
        number += 1
        ppo.step(number)
        return BATCH

    serve(iteration)


if __name__ == "__main__":
    main()
