"""The generator on the embedded model: padding changes nothing, adapters come and go, prompts fit the template."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from rlhb_core.errors import ModelError
from rlhb_core.learning.rollout import measure, roll_out
from rlhb_core.lm.generator import collate, decode_responses, encode_prompt, encode_response, score
from rlhb_core.lm.scorers import Written, response_features
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.run.data import Pair
from rlhb_core.run.sections import SamplingSettings

QUERIES = ("What is the capital of Peru?", "How many legs does a spider have?", "iron symbol")
LIKED = "The reader liked it."


@pytest.fixture
def trunk() -> Trunk:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return load_trunk("embedded", "cpu")


def shake(trunk: Trunk, name: str) -> None:
    """Give an adapter weights that change the model."""
    generator = torch.Generator().manual_seed(1)
    state = trunk.adapter_state(name)
    trunk.set_adapter_state(
        name,
        {key: 0.05 * torch.randn(value.shape, generator=generator) for key, value in state.items()},
    )


def test_a_row_scores_the_same_alone_and_in_a_padded_batch(trunk: Trunk) -> None:
    prompts = [encode_prompt(trunk, query, LIKED if i else None) for i, query in enumerate(QUERIES)]
    responses = [
        encode_response(trunk, text) for text in ("Lima.", "A spider has eight legs.", "Fe.")
    ]
    together = score(trunk, collate(prompts, responses, trunk.device)).logprobs.sum(1)
    alone = [
        score(trunk, collate([p], [r], trunk.device)).logprobs.sum()
        for p, r in zip(prompts, responses, strict=True)
    ]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-4, rtol=1e-5)


def test_rows_are_padded_on_the_left_only() -> None:
    tokens = collate([[5, 6], [7]], [[8], [9, 10, 1]], torch.device("cpu"))
    assert tokens.ids.tolist() == [[0, 5, 6, 8], [7, 9, 10, 1]]
    assert tokens.mask.tolist() == [[0, 1, 1, 1], [1, 1, 1, 1]]
    assert tokens.response_mask.tolist() == [[0, 0, 1], [1, 1, 1]]
    assert tokens.response_ids[tokens.response_mask.bool()].tolist() == [8, 9, 10, 1]


def test_log_probabilities_are_those_of_the_sampling_temperature(trunk: Trunk) -> None:
    tokens = collate(
        [encode_prompt(trunk, QUERIES[0])], [encode_response(trunk, "Lima.")], trunk.device
    )
    with torch.no_grad():
        logits = trunk.model(input_ids=tokens.ids).logits.float() / 0.5
    length = tokens.response_mask.shape[1]
    expected = torch.log_softmax(logits[0, -length - 1 : -1], -1)
    expected = expected[torch.arange(length), tokens.response_ids[0]]
    torch.testing.assert_close(
        score(trunk, tokens, 0.5).logprobs[0], expected, atol=1e-5, rtol=1e-5
    )


def test_adapters_change_nothing_until_trained_and_travel_as_files(
    trunk: Trunk, tmp_path: Path
) -> None:
    settings = SamplingSettings(max_new_tokens=12)
    rollouts = roll_out(trunk, [Pair(query, None) for query in QUERIES], settings)
    before = measure(trunk, rollouts, 1.0, 8).logprobs
    trunk.add_adapter("policy", rank=4, alpha=8)
    torch.testing.assert_close(measure(trunk, rollouts, 1.0, 8).logprobs, before)
    shake(trunk, "policy")
    changed = measure(trunk, rollouts, 1.0, 8).logprobs
    assert float((changed - before).abs().max()) > 0.01
    trunk.copy_adapter("policy", "start")
    with trunk.using("start"):
        torch.testing.assert_close(measure(trunk, rollouts, 1.0, 8).logprobs, changed)
    with trunk.using(None):
        torch.testing.assert_close(measure(trunk, rollouts, 1.0, 8).logprobs, before)
    trunk.save_adapter("policy", tmp_path / "version")
    config = json.loads((tmp_path / "version" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "embedded"
    assert sorted(file.name for file in (tmp_path / "version").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    other = load_trunk("embedded", "cpu")
    other.load_adapter("again", tmp_path / "version")
    with other.using("again"):
        found = measure(other, rollouts, 1.0, 8).logprobs
    torch.testing.assert_close(found, changed, atol=2e-2, rtol=2e-2)  # saved in half precision


def test_features_belong_to_the_base_model_and_to_the_text(trunk: Trunk) -> None:
    seen = [
        Written(QUERIES[0], "Lima."),
        Written(QUERIES[0], "I do not know."),
        Written(QUERIES[0], "Lima."),
    ]
    before = response_features(trunk, seen, 8, 64, 32)
    torch.testing.assert_close(before[0], before[2])
    assert not torch.allclose(before[0], before[1])
    trunk.add_adapter("policy", rank=4, alpha=8)
    shake(trunk, "policy")
    with trunk.using("policy"):
        torch.testing.assert_close(response_features(trunk, seen, 8, 64, 32), before)


def test_prompts_with_and_without_a_place_for_the_behaviour(trunk: Trunk) -> None:
    def text(template: str | None) -> str:
        other = load_trunk("embedded", "cpu")
        other.tokenizer.chat_template = template
        return str(other.tokenizer.decode(encode_prompt(other, "Why?", LIKED)))

    assert trunk.tokenizer.decode(encode_prompt(trunk, "Why?", LIKED)) == (
        f"<|system|>{LIKED}<|end|><|user|>Why?<|end|><|assistant|>"
    )
    refusing = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}[{{ m.content "
        "}}]{% endfor %}"
    )
    dropping = (
        "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% endif %}{% endfor %}"
    )
    for template in (refusing, dropping):
        assert text(template) == f"[{LIKED}\n\nWhy?]"
    assert text(None) == f"{LIKED}\nWhy?\n"


def test_responses_survive_encoding(trunk: Trunk) -> None:
    for text in ("Lima.", "Grüße, 東京!", "10,000 metres"):
        assert decode_responses(trunk, [encode_response(trunk, text)]) == [text]


def test_loading_draws_no_bars_and_leaves_those_of_others_alone(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bars: Any = transformers.utils.logging
    for shown, switch in ((False, bars.disable_progress_bar), (True, bars.enable_progress_bar)):
        switch()
        load_trunk("embedded", "cpu")
        assert bars.is_progress_bar_enabled() is shown
        with pytest.raises(ModelError):
            load_trunk(str(tmp_path))
        assert bars.is_progress_bar_enabled() is shown
    assert "Loading" not in capfd.readouterr().err


def test_what_cannot_be_loaded_is_said_in_a_sentence(trunk: Trunk, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_trunk(str(tmp_path))
    with pytest.raises(ModelError, match="device 'abacus' cannot be used"):
        load_trunk("embedded", "abacus")
    with pytest.raises(ModelError, match="holds no adapter"):
        trunk.load_adapter("x", tmp_path)
