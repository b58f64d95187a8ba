"""Sampling for training: the model's own distribution, the same for a seed however the rows are batched."""

import pytest
import torch

from rlhb_core.errors import RunError
from rlhb_core.learning.rollout import measure, roll_out
from rlhb_core.lm.generator import collate, encode_prompt, score
from rlhb_core.lm.kv_cache import roomy_cache
from rlhb_core.lm.sampling import invert, sample
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.run.data import Pair
from rlhb_core.run.sections import SamplingSettings

QUERIES = ("What is the capital of Peru?", "How many legs does a spider have?", "iron symbol")
LIKED = "The reader liked it."


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    torch.set_num_threads(1)
    return load_trunk("embedded", "cpu")


def prompts(trunk: Trunk, times: int = 1) -> list[list[int]]:
    return [
        encode_prompt(trunk, query, LIKED if i else None) for i, query in enumerate(QUERIES * times)
    ]


def test_sampling_is_the_models_own_distribution(trunk: Trunk) -> None:
    prompt = encode_prompt(trunk, QUERIES[0])
    with torch.no_grad():
        logits = trunk.model(input_ids=torch.tensor([prompt])).logits[0, -1].float()
    expected = torch.softmax(logits, -1)
    count = 2000
    torch.manual_seed(0)
    first = torch.tensor([row[0] for row in sample(trunk, [prompt] * count, 1.0, 1).tokens])
    found = torch.bincount(first, minlength=len(expected)) / count
    assert float((found - expected).abs().max()) < 5 * (0.25 / count) ** 0.5


def test_a_seed_gives_the_same_responses_however_the_rows_are_batched(trunk: Trunk) -> None:
    found = []
    for batch in (24, 24, 7, 1):
        torch.manual_seed(5)
        found.append(sample(trunk, prompts(trunk, 8), 1.0, 40, batch).tokens)
    assert all(other == found[0] for other in found)
    assert len({tuple(row) for row in found[0]}) > 3  # rows with the same prompt differ


def test_a_response_ends_with_its_first_end_token_or_at_the_longest_length(trunk: Trunk) -> None:
    torch.manual_seed(5)
    rows = sample(trunk, prompts(trunk, 8), 1.0, 12).tokens
    end = trunk.tokenizer.eos_token_id
    assert {len(row) for row in rows if end not in row} == {12}
    ended = [row for row in rows if end in row]
    assert ended
    assert all(row.index(end) == len(row) - 1 for row in ended)


def test_rescoring_sees_what_sampling_saw(trunk: Trunk) -> None:
    """Greedy tokens of the sampling loop are the likeliest ones when the whole is scored at once."""
    asked = prompts(trunk)
    rows = sample(trunk, asked, 1e-4, 48).tokens
    tokens = collate(asked, rows, trunk.device)
    best = score(trunk, tokens).logits.argmax(-1)
    mask = tokens.response_mask.bool()
    assert (best[mask] == tokens.response_ids[mask]).float().mean() > 0.98


@pytest.mark.parametrize("batch", [12, 5])
def test_what_is_kept_while_sampling_is_what_scoring_finds(trunk: Trunk, batch: int) -> None:
    torch.manual_seed(1)
    settings = SamplingSettings(temperature=0.7, max_new_tokens=24, batch=batch)
    pairs = [Pair(query, LIKED if i % 2 else None) for i, query in enumerate(QUERIES * 4)]
    rollouts = roll_out(trunk, pairs, settings, keep=True)
    assert rollouts.measured is not None
    for found, expected in zip(
        rollouts.measured, measure(trunk, rollouts, 0.7, batch=4), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)
    part = rollouts.rows(range(3, 5)).measured
    assert part is not None
    width = part.logprobs.shape[1]
    assert torch.equal(part.logprobs, rollouts.measured.logprobs[3:5, :width])


@pytest.mark.parametrize("keep", [False, True])
def test_nothing_asked_is_nothing_answered(trunk: Trunk, keep: bool) -> None:
    rollouts = roll_out(trunk, [], SamplingSettings(), keep)
    assert (rollouts.texts, rollouts.responses) == ([], [])
    assert rollouts.ended.dtype is torch.bool
    assert rollouts.rows([]).texts == []


def test_a_part_of_rollouts_is_as_wide_as_its_longest_response(trunk: Trunk) -> None:
    torch.manual_seed(0)
    pairs = [Pair(query, None) for query in QUERIES * 4]
    with torch.no_grad():
        whole = roll_out(trunk, pairs, SamplingSettings(max_new_tokens=24), keep=True)
    shortest = min(range(len(pairs)), key=lambda row: len(whole.responses[row]))
    part = whole.rows([shortest])
    assert part.measured is not None
    assert part.measured.logprobs.shape == (1, len(part.responses[0]))
    alone = measure(trunk, part, 1.0, 8)
    assert torch.allclose(part.measured.logprobs, alone.logprobs, atol=1e-4)


def test_a_draw_takes_the_token_whose_share_it_falls_into() -> None:
    p = torch.tensor([[0.5, 0.25, 0.0, 0.25]]).expand(5, 4)
    draws = torch.tensor([0.0, 0.49, 0.5, 0.75, 0.999], dtype=torch.float64)
    assert invert(p, draws).tolist() == [0, 0, 1, 3, 3]
    assert invert(p * torch.nan, draws).tolist() == [-1] * 5


def test_a_broken_policy_is_said_in_a_sentence() -> None:
    trunk = load_trunk("embedded", "cpu")
    with torch.no_grad():
        next(trunk.model.parameters()).mul_(torch.nan)
    with pytest.raises(RunError, match="not numbers any more"):
        sample(trunk, prompts(trunk), 1.0, 4)


def test_a_roomy_cache_appends_and_lets_rows_go(trunk: Trunk) -> None:
    cache = roomy_cache(trunk.model.config, room=5)
    del cache.layers[1:]
    first = torch.arange(24.0).reshape(3, 1, 2, 4)  # [rows, heads, T, size]
    more = 100 + torch.arange(8.0).reshape(2, 1, 1, 4)
    cache.update(first, -first, layer_idx=0)
    cache.batch_select_indices(torch.tensor([0, 2]))
    keys, values = cache.update(more, -more, layer_idx=0)
    assert torch.equal(keys, torch.cat([first[[0, 2]], more], dim=2))
    assert torch.equal(values, -keys)
    assert cache.get_seq_length() == 3
