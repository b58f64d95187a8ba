"""The classifier of RLHBC: losses, shares and reward by hand, and votes drawn from behaviours."""

import math
from uuid import uuid4

import torch

from rlhb_core.run.data import load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import TIE, Voted, drawn_votes
from rlhb_core.schema.behaviors import parse
from rlhb_core.schema.records import Outcome
from rlhb_core.teachers.classifier.stage import BehaviorClassifier, Observed, clause_losses, shares
from tests.unit.test_data import comparison, triplet


def test_losses_of_clauses_by_hand() -> None:
    yes_no = torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    three = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log()
    found = clause_losses([yes_no, three], torch.tensor([[1, 0], [0, 2]]))
    expected = [[-math.log(0.75), -math.log(0.5)], [-math.log(0.5), -math.log(0.8)]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_shares_are_weighted_and_never_nothing() -> None:
    rows = Observed(torch.zeros(3, 1), torch.tensor([[0], [1], [1]]), torch.tensor([1.0, 0.5, 1.5]))
    (found,) = shares(rows, [3])
    torch.testing.assert_close(found, torch.tensor([2 / 6, 3 / 6, 1 / 6]))  # one of each added


def test_the_reward_is_the_log_probability_of_the_preferred_behaviour() -> None:
    classes = parse("The reader liked it.")
    model = BehaviorClassifier(2, {name: classes[name] for name in ("reaction", "copied")}, 0.0)
    told = ([1.0, 2.0, 1.0], [3.0, 1.0])  # nothing 1/4, liked 1/2, disliked 1/4; not copied 3/4
    for head, odds in zip(model.heads, told, strict=True):
        assert isinstance(head, torch.nn.Linear)
        torch.nn.init.zeros_(head.weight)
        head.bias.data.copy_(torch.tensor(odds).log())
    with torch.no_grad():
        raw = model.raw(torch.randn(5, 2))
        torch.testing.assert_close(raw, torch.full((5,), math.log(0.5 * 0.75)))
        model.centre.fill_(-2.0)
        model.spread.fill_(0.5)
        expected = (math.log(0.5 * 0.75) + 2) / 0.5
        torch.testing.assert_close(model(torch.randn(5, 2)), torch.full((5,), expected))


def test_votes_are_drawn_from_pairs_of_answers_to_one_query() -> None:
    asked, other = uuid4(), uuid4()
    rows = [
        triplet("Where?").model_copy(update={"query_id": asked, "response": text})
        for text in ("a", "b", "c")
    ]
    rows.append(triplet("Alone?").model_copy(update={"query_id": other}))
    failed = triplet("Where?").model_copy(update={"query_id": asked, "outcome": Outcome.ERROR})
    found = drawn_votes([*rows, failed], [1.0, -0.5, 1.0, 9.0, 9.0], share=1.0)
    assert found == [
        Voted("Where?", ("a", "b"), 0, 1 / 3),
        Voted("Where?", ("a", "c"), TIE, 1 / 3),
        Voted("Where?", ("b", "c"), 1, 1 / 3),
    ]


def test_votes_are_drawn_only_where_people_gave_too_few() -> None:
    config = load_recipe("rlhbc", {"data": {"min_triplets": 8, "min_comparisons": 8}})
    rows = []
    for number in range(40):
        query_id = uuid4()
        rows += [
            triplet(f"Query {number}?", liked=liked).model_copy(
                update={"query_id": query_id, "response": "Lima." if liked else "Quito."}
            )
            for liked in (True, False)
        ]
    votes = [comparison(f"Query {number}?", best=1) for number in range(40)]
    drawn = load_split(config, rows, votes[:7])
    assert drawn.votes_drawn
    assert len(drawn.train_votes) + len(drawn.held_out_votes) == 40
    assert {vote.outcome for vote in drawn.train_votes} == {0}  # who was liked wins
    given = load_split(config, rows, votes)
    assert not given.votes_drawn
    assert {vote.outcome for vote in given.train_votes} == {1}
    assert given.condition is None  # the policy is not conditioned
