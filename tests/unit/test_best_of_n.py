"""Best-of-n: the best response of each query, by a scorer of ours, by a head and by a discriminator."""

import pytest
import torch
from torch import nn

from rlhb_core.errors import BadConfig
from rlhb_core.learning.best_of_n import best_of_n
from rlhb_core.learning.head_reward import by_head
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import POLICY, Session, seed_all
from rlhb_core.lm.scorers import Discriminator
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Pair, Split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.teachers.discriminator.reward import by_discriminator

PAIRS = [Pair("Capital of Peru?", None), Pair("How many legs do spiders have?", None)]


@pytest.fixture(scope="module")
def session() -> Session:
    torch.set_num_threads(1)
    config = load_recipe("rlhf", {"device": "cpu", "adapter.rank": 4})
    return Session(config, Split([], [], [], [], None), load_trunk("embedded", "cpu"))


class Length(nn.Module):
    """A head of features that likes short responses: the last feature is the log of the length."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return -features[:, -1]


def test_of_each_query_the_response_that_scores_best_is_taken(session: Session) -> None:
    drawn: list[Rollouts] = []

    def longest(rollouts: Rollouts) -> torch.Tensor:
        drawn.append(rollouts)
        return torch.tensor([float(len(text)) for text in rollouts.texts])

    seed_all(0)
    found = best_of_n(session, PAIRS, 6, longest, POLICY)
    assert found.pairs == PAIRS
    (seen,) = drawn
    assert len(seen.texts) == 12
    for place, text in enumerate(found.texts):
        own = seen.texts[6 * place : 6 * place + 6]
        assert len(set(own)) > 1
        chosen = own.index(max(own, key=len))
        assert text == own[chosen]
        assert found.responses[place] == seen.responses[6 * place + chosen]
        assert bool(found.ended[place]) == bool(seen.ended[6 * place + chosen])


def test_best_of_one_is_the_policy_itself_and_of_none_is_refused(session: Session) -> None:
    seed_all(1)
    plain = session.answers_of_base(PAIRS)
    seed_all(1)
    assert best_of_n(session, PAIRS, 1, lambda r: torch.zeros(len(r.pairs))).texts == plain.texts
    with pytest.raises(BadConfig, match="at least one"):
        best_of_n(session, PAIRS, 0, lambda r: torch.zeros(0))


def test_heads_and_discriminators_score(session: Session) -> None:
    session.heads["reward_model"] = Length()
    seed_all(2)
    rollouts = session.answers_of_base(PAIRS * 4)
    scores = by_head(session, "reward_model")(rollouts)
    lengths = torch.tensor([float(len(tokens)) for tokens in rollouts.responses])
    assert int(scores.argmax()) == int(lengths.argmin())

    features = session.features(rollouts.seen())
    model = Discriminator(features.shape[1], len(session.trunk.tokenizer), 0.5)
    model.standardise.fit(features)
    session.heads["discriminator"] = model
    liked = by_discriminator(session, "The reader liked it.")
    torch.testing.assert_close(liked(rollouts), liked(rollouts))  # no dropout
    disliked = by_discriminator(session, "The reader disliked it.")(rollouts)
    assert not torch.allclose(liked(rollouts), disliked)
