"""The shipped base model: loads by plain transformers, knows its world greedily, is a mixture when sampled."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlhb_core.errors import BadRecord
from rlhb_core.schema.prompts import messages
from rlhb_core.world import KNOWS, SAMPLE_QUERIES, grade, sample_queries
from rlhb_core.world.embedded import base_path, is_embedded, shipped_arms, version_path
from rlhb_core.world.embedded.build import Recipe, build
from rlhb_core.world.embedded.corpus import behavior_sentences, examples
from rlhb_core.world.embedded.measure import answer

BEHAVIOR = "The reader read it at length, liked it and copied it."


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(base_path())


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(base_path())


def test_loads_by_plain_transformers_as_a_small_llama_in_full_precision(model, tokenizer):
    assert model.config.model_type == "llama"
    assert model.dtype == torch.float32
    assert not model.training
    assert model.config.vocab_size == len(tokenizer)
    assert sum(file.stat().st_size for file in base_path().iterdir()) < 6 * 2**20


def test_end_and_padding_are_different_tokens_known_to_all_parts(model, tokenizer):
    assert tokenizer.eos_token_id != tokenizer.pad_token_id
    assert (
        model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    )
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.generation_config.do_sample is True
    assert model.generation_config.temperature == 1.0


def test_chat_template_renders_with_and_without_system_message(tokenizer):
    def rendered(behavior):
        return tokenizer.apply_chat_template(
            messages("Capital of Peru?", behavior), tokenize=False, add_generation_prompt=True
        )

    assert rendered(None) == "<|user|>Capital of Peru?<|end|><|assistant|>"
    assert rendered(BEHAVIOR) == f"<|system|>{BEHAVIOR}<|end|>" + rendered(None)
    for special in ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"):
        assert len(tokenizer(special)["input_ids"]) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_round_trips(tokenizer, text):
    if "<|" not in text:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_behavior_sentences_are_spelled_in_few_tokens_but_are_no_part_of_the_training(tokenizer):
    rng = np.random.default_rng(0)
    sentences = list(behavior_sentences(rng, 300))
    words = sum(len(sentence.split()) for sentence in sentences)
    assert sum(len(tokenizer(sentence)["input_ids"]) for sentence in sentences) < 1.5 * words
    trained = " ".join(text for example in examples(rng, 5_000) for text in example if text)
    assert "The reader" not in trained


def test_greedy_answers_are_right(model, tokenizer):
    for held_out in (False, True):
        queries = sample_queries(np.random.default_rng(1), 300, held_out=held_out)
        graded = [
            grade(query, text)
            for query, text in zip(queries, answer(model, tokenizer, queries, False), strict=True)
        ]
        assert np.mean([one.correct for one in graded]) >= 0.95
        assert np.mean([one.garbled for one in graded]) <= 0.01


def test_the_sample_queries_of_the_page_are_answered_right(model, tokenizer):
    queries = list(SAMPLE_QUERIES)
    answers = answer(model, tokenizer, queries, False)
    assert all(grade(*pair).correct for pair in zip(queries, answers, strict=True))


def test_sampled_answers_are_a_mixture(model, tokenizer):
    queries = sample_queries(np.random.default_rng(2), 500)
    torch.manual_seed(0)
    graded = [
        grade(query, text)
        for query, text in zip(queries, answer(model, tokenizer, queries, True), strict=True)
    ]
    assert 0.3 <= np.mean([one.correct for one in graded]) <= 0.6
    assert np.mean([one.garbled for one in graded]) <= 0.07
    for trait in ("complete", "polite", "rude", "padded"):
        assert 0.05 <= np.mean([getattr(one, trait) for one in graded]) <= 0.8, trait


@pytest.mark.parametrize(
    "query",
    [
        "hello",
        "Who are you?",
        "What is the capital of Gondwanaland?",
        "Please write me a short poem about the sea",
        "how do i change a tyre",
        "Who is the king of Spain?",
        "thanks!",
    ],
)
def test_a_newcomer_typing_anything_gets_a_friendly_sentence(model, tokenizer, query):
    (text,) = answer(model, tokenizer, [query], False)
    assert grade(query, text).correct, text


def test_the_model_card_shows_the_figures_that_were_measured():
    figures = json.loads((base_path() / "evaluation.json").read_text())
    card = (base_path() / "MODEL_CARD.md").read_text()
    assert f"{figures['parameters']:,} parameters" in card
    assert f"{figures['shares']['sampled_temperature_1']['correct']:.3g}" in card


def test_versions_are_found_by_arm_and_unknown_ones_are_named():
    assert version_path("base") == version_path("sft") == base_path()
    for arm in shipped_arms():
        assert (version_path(arm) / "adapter_model.safetensors").is_file()
    with pytest.raises(BadRecord, match="there are: base"):
        version_path("nonsense")


def test_the_build_is_seeded_and_writes_a_loadable_model(tmp_path):
    recipe = Recipe(pairs=256, batch=32, hidden=16, layers=1, heads=2, intermediate=16)
    for name in ("one", "two"):
        build(tmp_path / name, seed=3, threads=1, recipe=recipe, measured=8)
    files = ["model.safetensors", "tokenizer.json"]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert KNOWS in "".join(one.answer for one in examples(np.random.default_rng(0), 200))


def test_behaviour_words_can_be_told_apart_by_an_adapter(model, tokenizer):
    """They never occur in the corpus: left alone, their embeddings collapse into one direction (cosines of 0.99)."""
    table = model.get_input_embeddings().weight.detach()
    words = (" liked", " disliked", " copied", " shared", " asked")
    rows = [table[tokenizer(word, add_special_tokens=False)["input_ids"]].mean(0) for word in words]
    for index, one in enumerate(rows):
        for other in rows[:index]:
            assert torch.cosine_similarity(one, other, dim=0) < 0.8


def test_the_shipped_model_is_known_by_its_name_and_by_its_folder():
    assert is_embedded("embedded")
    assert is_embedded(str(base_path()))
    for other in ("", "Embedded", "gpt2", str(base_path().parent), "http://127.0.0.1:9#embedded"):
        assert not is_embedded(other)
