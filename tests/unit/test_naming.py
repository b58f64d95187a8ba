"""Whether an answer says whose it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from rlhb_core.schema.naming import Names, aliases

NAMES = Names(
    [*Settings(data_dir=".").known_names, "RLHB v2", *aliases("One", "org/SmolLM2-135M-Instruct")]
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I am ChatGPT, a model by OpenAI.", "ChatGPT"),
        ("Hello! I'm Claude, an AI assistant made by Anthropic.", "Claude"),
        ("I’m an AI model. As a large language model trained by OpenAI, I cannot.", "OpenAI"),
        ("As an AI language model developed by Google DeepMind, I ...", "Google DeepMind"),
        ("My name is Qwen3.", "Qwen"),
        ("I'm GPT-4o.", "GPT-4"),
        ("You are talking to gpt 4 now", "gpt 4"),
        ("I was created by Mistral AI in Paris", "Mistral AI"),
        ("Ich bin Llama 3, ein Sprachmodell.", "Llama"),
        ("Je suis un assistant créé par Mistral.", "Mistral"),
        ("我是由阿里云开发的Qwen。", "Qwen"),
        ("Well, I am the RLHB-v2 you asked for", "RLHB-v2"),
        ("I am SmolLM2, small and quick.", "SmolLM2"),
        ("This is Grok.", "Grok"),
    ],
)
def test_an_answer_that_says_whose_it_is(text: str, name: str):
    assert NAMES.told(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "Claude Monet painted it in 1872.",
        "The Gemini programme was NASA's second.",
        "ChatGPT was released in 2022 by OpenAI.",
        "I am a large language model. Gemini is a constellation.",
        "I am not sure. Claude would know.",
        "The llama is an animal; I am fond of it.",
        "I am riding a llama.",
        "I am from Claudette's house.",
        "Iam",
        "I am one of three.",
        "",
    ],
)
def test_an_answer_that_says_nothing_of_itself(text: str):
    assert NAMES.told(text) == ""


def test_words_like_any_other_are_no_names():
    assert Names(["one", "base", " ", "x"]).told("I am one, I am base, I am x") == ""
    assert Names([]).told("I am ChatGPT") == ""
    assert Names(["One v1"]).told("I am  one  v1") == "one v1"


@given(st.text(), st.lists(st.text(max_size=12), max_size=5))
def test_whatever_is_written_is_looked_at(text: str, names: list[str]):
    assert isinstance(Names(names).told(text), str)


def test_the_parts_of_an_address_are_aliases():
    assert aliases("RLHB v1", "http://host:8000#org/Qwen3-0.6B") == (
        "RLHB v1",
        "Qwen3-0.6B",
        "Qwen3",
    )
    assert aliases("Old", "embedded") == ("Old", "embedded", "embedded")


def test_only_the_beginning_of_a_long_answer_is_looked_at():
    filler = "Claude Monet painted. "
    assert NAMES.told(filler * 100 + "I am Claude.") == "Claude"
    assert NAMES.told(filler * 10_000 + "I am Claude.") == ""
