"""The likelihood of logged answers: against the model's own cross-entropy, exact over micro-batches, weighted."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from rlhb_core.errors import BadConfig
from rlhb_core.learning.likelihood import Likelihood
from rlhb_core.learning.session import POLICY, Session, seed_all
from rlhb_core.lm.generator import encode_prompt, encode_response
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Logged, Split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.records import Outcome

LIKED, DISLIKED = "The reader liked it.", "The reader disliked it."
ROWS = [
    Logged("What is rain?", "Rain is water that falls from clouds.", LIKED),
    Logged("What is snow?", "Frozen rain.", DISLIKED, weight=3.0),
    Logged("Where is Rome?", "It is in", LIKED, Outcome.STOPPED),
]
EMPTY = Logged("Who are you?", "", DISLIKED)


@pytest.fixture
def session() -> Session:
    torch.set_num_threads(1)
    config = load_recipe("rlhb", {"device": "cpu", "sampling": {"temperature": 1.0}})
    seed_all(0)
    session = Session(
        config, Split([*ROWS, EMPTY], [], [], [], None), load_trunk("embedded", "cpu")
    )
    for weight in session.trunk.parameters_of(POLICY):
        torch.nn.init.normal_(weight, std=0.05)
    return session


def gradient(session: Session, micro_batch: int, weight: float) -> torch.Tensor:
    parameters = session.trunk.parameters_of(POLICY)
    for one in parameters:
        one.grad = None
    with session.trunk.using(POLICY):
        Likelihood(session, micro_batch).learn(ROWS, weight)
    return torch.cat([one.grad.flatten() for one in parameters if one.grad is not None])


def test_it_is_the_models_own_cross_entropy_of_the_answers_tokens(session: Session) -> None:
    trunk = session.trunk
    losses = []
    with session.trunk.using(POLICY), torch.no_grad():
        found = Likelihood(session, 2).look(ROWS)
        for row in ROWS:
            prompt = encode_prompt(trunk, row.query, row.behavior)
            answer = encode_response(trunk, row.response, row.ended)
            ids = torch.tensor([prompt + answer])
            logits = trunk.model(ids).logits[0, len(prompt) - 1 : -1]
            losses.append(cross_entropy(logits, torch.tensor(answer), reduction="none"))
    assert found == pytest.approx(float(torch.cat(losses).mean()), rel=1e-4)


def test_gradients_add_up_over_micro_batches_and_follow_the_weight(session: Session) -> None:
    whole = gradient(session, 8, 1.0)
    assert float(whole.abs().max()) > 0
    torch.testing.assert_close(gradient(session, 1, 1.0), whole, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(gradient(session, 2, 0.5), 0.5 * whole, atol=1e-6, rtol=1e-3)


def test_rows_come_by_their_weights_and_empty_answers_never(session: Session) -> None:
    likelihood = Likelihood(session, 8)
    drawn = likelihood.draw(5000)
    assert EMPTY not in drawn
    shares = [drawn.count(row) / len(drawn) for row in ROWS]
    assert shares == pytest.approx([0.2, 0.6, 0.2], abs=0.03)
    assert sorted(row.query for row in likelihood.draw(3)) == sorted(row.query for row in ROWS)


def test_arms_without_a_discriminator_refuse_it() -> None:
    with pytest.raises(BadConfig, match="for the arms with a discriminator; for rlhf it must be 0"):
        load_recipe("rlhf", {"ppo.likelihood": 0.5})
