"""The running average of weights, worked by hand."""

import pytest
import torch

from rlhb_core.learning.average import Average


def test_an_average_follows_its_weights_by_hand() -> None:
    weight = torch.nn.Parameter(torch.tensor([0.0, 4.0]))
    average = Average([weight], decay=0.75)
    for values in ([8.0, 4.0], [8.0, 0.0]):
        with torch.no_grad():
            weight.copy_(torch.tensor(values))
        average.take()
    assert weight.tolist() == [8.0, 0.0]  # taking changes nothing
    average.put()
    # 0 -> 0.25 x 8 = 2 -> 0.75 x 2 + 0.25 x 8 = 3.5;  4 -> 4 -> 3
    assert weight.tolist() == pytest.approx([3.5, 3.0])


def test_without_decay_it_is_the_newest_and_a_state_goes_on_where_it_was() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    newest, slow = Average([weight], 0.0), Average([weight], 0.5)
    with torch.no_grad():
        weight.fill_(2.0)
    newest.take()
    slow.take()
    saved = [one.clone() for one in slow.state()]
    newest.put()
    assert weight.tolist() == [2.0, 2.0, 2.0]
    other = Average([weight], 0.5)
    other.restore(saved)
    other.put()
    assert weight.tolist() == [1.0, 1.0, 1.0]


def test_averages_stand_in_for_a_while() -> None:
    weight = torch.nn.Parameter(torch.zeros(2))
    average = Average([weight], 0.5)
    with torch.no_grad():
        weight.fill_(2.0)
    average.take()
    with average.in_place():
        assert weight.tolist() == [1.0, 1.0]
    assert weight.tolist() == [2.0, 2.0]
    assert average.state()[0].tolist() == [1.0, 1.0]
