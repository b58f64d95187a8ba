"""Decoding: mixed batches say what PEFT says, text never splits a character, rows do not disturb each other."""

import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save, save_file
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from rlhb_core.errors import ModelError
from rlhb_core.lm.adapters import read_lora
from rlhb_core.lm.decoding import Answer, Decoder, Writing, _sample
from rlhb_core.lm.generator import encode_prompt
from rlhb_core.lm.incremental_text import IncrementalText
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.world import embedded

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*fan_in_fan_out:UserWarning",
    "ignore:.*is_gradient_checkpointing:FutureWarning",
)

BASE = str(embedded.base_path())
QUERIES = (
    "What is the capital of Peru?",
    "gold?",
    "Which language do people speak in Brazil, if I may ask you that in so many words?",
)
KINDS = {
    "plain": LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", init_lora_weights=False),
    "attention": LoraConfig(
        r=4, lora_alpha=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False
    ),
    "patterns": LoraConfig(
        r=6,
        lora_alpha=12,
        use_rslora=True,
        target_modules="all-linear",
        rank_pattern={"o_proj": 3},
        alpha_pattern={"layers.1.mlp.down_proj": 5},
        init_lora_weights=False,
    ),
}


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    return load_trunk(BASE, "cpu", "float32")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One adapter of each kind with random weights, saved by PEFT itself."""
    found = {}
    for number, (name, config) in enumerate(KINDS.items()):
        torch.manual_seed(number)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(BASE), copy.deepcopy(config))
        found[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(str(found[name]))
    return found


@pytest.fixture
def decoder(folders: dict[str, Path]) -> Decoder:
    made = Decoder(load_trunk(BASE, "cpu", "float32"))
    for name, folder in folders.items():
        made.add(name, folder)
    return made


def write(decoder: Decoder, rows: Sequence[Row]) -> list[Finished]:
    """The rows as one batch; what was streamed must be what was returned."""
    streamed = [""] * len(rows)

    def on_text(row: int, text: str) -> None:
        assert text, "rows that have nothing to say stay silent"
        streamed[row] += text

    ended: dict[int, Finished] = {}
    finished = decoder.stream(rows, on_text, on_end=ended.__setitem__)
    assert [each.text for each in finished] == streamed
    assert [ended[i] for i in range(len(rows))] == finished
    return finished


def by_peft(folder: Path | None, query: str, trunk: Trunk, new_tokens: int) -> str:
    """The greedy answer of transformers' and PEFT's own code."""
    model = AutoModelForCausalLM.from_pretrained(BASE).eval()
    if folder is not None:
        model = PeftModel.from_pretrained(model, folder).eval()
    return greedy(model, query, trunk, new_tokens)


def greedy(model: Any, query: str, trunk: Trunk, new_tokens: int) -> str:
    """The most probable answer by `generate`, one row alone; a character cut at the end is left out."""
    prompt = torch.tensor([encode_prompt(trunk, query)])
    out = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=new_tokens,
    )
    text = trunk.tokenizer.decode(out[0, prompt.shape[1] :], skip_special_tokens=True)
    assert isinstance(text, str)
    return text.rstrip("\ufffd")


def test_a_mixed_batch_says_what_peft_says_row_by_row(
    decoder: Decoder, folders: dict[str, Path], trunk: Trunk
) -> None:
    names = [*folders, None]
    rows = [
        Row(query, adapter=name, temperature=0, max_new_tokens=24)
        for name in names
        for query in QUERIES
    ]
    expected = [
        by_peft(folders.get(name or ""), query, trunk, 24) for name in names for query in QUERIES
    ]
    finished = write(decoder, rows)
    assert [each.text for each in finished] == expected
    assert len({each.text for each in finished}) > len(QUERIES), "the adapters must differ"


SMALL: dict[str, Any] = {"vocab_size": 1280, "hidden_size": 32, "num_attention_heads": 4}
ARCHITECTURES: dict[str, PretrainedConfig] = {
    "gpt2": GPT2Config(vocab_size=1280, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "sliding": MistralConfig(
        intermediate_size=64, num_hidden_layers=2, num_key_value_heads=2, sliding_window=16, **SMALL
    ),
    "mixed": Gemma3TextConfig(
        intermediate_size=64, num_hidden_layers=6, num_key_value_heads=2, head_dim=8, sliding_window=16, **SMALL
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_architectures_say_what_transformers_says(
    name: str, trunk: Trunk, tmp_path: Path
) -> None:
    """Positions, masks and caches of other kinds, with rows of unlike lengths, with and without an adapter."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(ARCHITECTURES[name]).eval()
    for parameter in model.parameters():
        parameter.data *= 3 if parameter.dim() > 1 else 1  # so that it does not repeat one token
    model.save_pretrained(str(tmp_path / "base"))
    get_peft_model(model, copy.deepcopy(KINDS["plain"])).save_pretrained(str(tmp_path / "adapter"))

    def loaded() -> Any:
        return AutoModelForCausalLM.from_pretrained(tmp_path / "base").eval()

    decoder = Decoder(Trunk(loaded(), trunk.tokenizer, trunk.device, trunk.dtype))
    decoder.ends = frozenset()
    decoder.add("adapter", tmp_path / "adapter")
    rows = [
        Row(query, adapter=adapter, temperature=0, max_new_tokens=24)
        for query in QUERIES
        for adapter in (None, "adapter")
    ]
    models = {
        None: loaded(),
        "adapter": PeftModel.from_pretrained(loaded(), tmp_path / "adapter").eval(),
    }
    expected = [greedy(models[row.adapter], row.query, trunk, 24) for row in rows]
    assert [each.text for each in write(decoder, rows)] == expected
    assert [each.text for each in joining(decoder, rows)] == expected
    assert len(set(expected)) > 2


def test_models_that_mix_rows_before_a_layer_say_so(trunk: Trunk, tmp_path: Path) -> None:
    config = OPTConfig(ffn_dim=64, num_hidden_layers=1, word_embed_proj_dim=32, **SMALL)
    model = AutoModelForCausalLM.from_config(config).eval()
    decoder = Decoder(Trunk(model, trunk.tokenizer, trunk.device, trunk.dtype))
    assert not write(decoder, [Row(QUERIES[0], max_new_tokens=4)])[0].error
    adapted = get_peft_model(copy.deepcopy(model), copy.deepcopy(KINDS["plain"]))
    adapted.save_pretrained(str(tmp_path))
    decoder.add("adapter", tmp_path)
    [finished] = write(decoder, [Row(QUERIES[0], adapter="adapter", max_new_tokens=4)])
    assert "merge each adapter" in finished.error


def test_models_that_keep_a_state_are_refused(trunk: Trunk) -> None:
    config = MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1)
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ModelError, match="keeps a state"):
        Decoder(Trunk(model, trunk.tokenizer, trunk.device, trunk.dtype))


def test_a_row_is_the_same_alone_and_in_company(decoder: Decoder) -> None:
    rows = [
        Row(query, adapter=name, temperature=0, max_new_tokens=4 + 3 * i, seed=i)
        for i, (query, name) in enumerate((q, n) for q in QUERIES for n in (*KINDS, None))
    ]  # twelve rows of unlike lengths: the batch is repacked on the way
    together = write(decoder, rows)
    assert together == [write(decoder, [row])[0] for row in rows]


def test_rows_that_join_a_batch_under_way_say_what_they_say_alone(decoder: Decoder) -> None:
    rows = [
        Row(query, adapter=name, max_new_tokens=6 + 5 * i, seed=i)
        for i, (query, name) in enumerate((q, n) for q in QUERIES for n in (*KINDS, None))
    ]
    assert joining(decoder, rows) == [write(decoder, [row])[0] for row in rows]


def joining(decoder: Decoder, rows: Sequence[Row]) -> list[Finished]:
    """The rows one after the other into one batch, a new one at every third step; others end meanwhile."""
    answers = [Answer(row, lambda text: None, lambda finished: None) for row in rows]
    writing, waiting = Writing(decoder), list(answers)
    most = 0
    while waiting or writing.rows:
        assert writing.takes_more
        if waiting:
            writing.join([waiting.pop(0)])
        for _ in range(3):
            writing.step()
        most = max(most, writing.rows)
    assert most > 2, "they were not written together"
    return [answer.finished for answer in answers if answer.finished]


def test_a_row_that_fails_while_it_joins_leaves_the_others_alone(decoder: Decoder) -> None:
    first, lost, late = (
        Answer(Row(QUERIES[0], temperature=0, adapter=name), lambda text: None, lambda end: None)
        for name in (None, "unheard of", "plain")
    )
    writing = Writing(decoder)
    writing.join([first])
    writing.step()
    writing.join([lost, late])
    while writing.rows:
        writing.step()
    assert lost.finished is not None
    assert "not loaded" in lost.finished.error
    for answer in (first, late):
        assert answer.finished == write(decoder, [answer.row])[0]


def test_a_row_that_somebody_ended_leaves_at_the_next_step(decoder: Decoder) -> None:
    seen: list[str] = []
    gone, stays = (
        Answer(Row(query, temperature=0), seen.append, lambda end: None) for query in QUERIES[::2]
    )
    writing = Writing(decoder)
    writing.join([gone, stays])
    gone.end(truncated=True)
    assert writing.rows == 1
    while writing.rows:
        writing.step()
    assert gone.finished is not None
    assert gone.finished.tokens == 1
    assert stays.finished == write(decoder, [stays.row])[0]


def test_an_answer_goes_on_where_it_was_cut(decoder: Decoder) -> None:
    whole = write(decoder, [Row(QUERIES[0], temperature=0)])[0]
    cut = write(decoder, [Row(QUERIES[0], temperature=0, max_new_tokens=5)])[0]
    rest = write(decoder, [Row(QUERIES[0], temperature=0, so_far=cut.text)])[0]
    assert (cut.truncated, rest.truncated) == (True, False)
    assert cut.text + rest.text == whole.text
    assert rest.text.startswith(" "), "the space before a word belongs to it"


def test_the_same_seeds_give_the_same_texts(decoder: Decoder) -> None:
    rows = [Row(QUERIES[0], seed=seed) for seed in range(6)]
    texts = [each.text for each in write(decoder, rows)]
    assert [each.text for each in write(decoder, rows)] == texts
    assert len(set(texts)) > 1


def test_a_row_ends_at_its_end_token_or_its_limit(decoder: Decoder) -> None:
    free, cut = write(
        decoder,
        [Row(QUERIES[0], temperature=0), Row(QUERIES[0], temperature=0, max_new_tokens=3)],
    )
    assert not free.truncated
    assert cut.truncated
    assert cut.tokens == 3
    assert free.text.startswith(cut.text)
    assert free.tokens > 3


def test_special_tokens_are_never_shown(trunk: Trunk) -> None:
    text = IncrementalText(trunk.tokenizer)
    special = list(trunk.tokenizer.all_special_ids)
    word = trunk.tokenizer("Lima", add_special_tokens=False)["input_ids"]
    for token in [*special, *word, *special]:
        text.push(token)
    assert text.text == "Lima"
    assert special


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200))
def test_pieces_join_to_the_whole_and_split_no_character(trunk: Trunk, written: str) -> None:
    tokens = trunk.tokenizer(written, add_special_tokens=False)["input_ids"]
    text = IncrementalText(trunk.tokenizer)
    pieces = [text.push(token) for token in tokens]
    whole = trunk.tokenizer.decode(tokens, skip_special_tokens=True)
    assert isinstance(whole, str)
    assert "".join(pieces) == text.text == whole
    if "\ufffd" not in written:
        assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_cut_at_the_end_is_left_out(trunk: Trunk) -> None:
    tokens = trunk.tokenizer("A giraffe: 🦒", add_special_tokens=False)["input_ids"]
    text = IncrementalText(trunk.tokenizer)
    for token in tokens[:-1]:
        text.push(token)
    assert text.text.strip() == "A giraffe:"
    assert text.push(tokens[-1]) == "🦒"


def test_pieces_of_characters_between_words_do_no_harm() -> None:
    """With byte tokens, as most real models have them; tokenizers' own stream fails on such a text."""
    words = ["<end>", "\u2581", "\u2581Lima", "\u2581is", "s"]
    vocabulary = {word: number for number, word in enumerate(words)}
    of_bytes = {f"<0x{byte:02X}>": len(words) + byte for byte in range(256)}
    inner = Tokenizer(BPE(vocabulary | of_bytes, [], unk_token="<end>", byte_fallback=True))
    inner.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")
    giraffe = [len(words) + byte for byte in "\U0001f992".encode()]
    text, stream = IncrementalText(tokenizer), decoders.DecodeStream(skip_special_tokens=True)
    tokens = [2, *giraffe, giraffe[0], 2]
    for token in tokens:
        text.push(token)
    assert text.text.startswith(" Lima\U0001f992")
    assert text.text.endswith(" Lima")
    with pytest.raises(Exception, match="Invalid prefix"):  # noqa: PT012 (if not: use it, and remove ours)
        for token in tokens:
            stream.step(inner, token)


def test_a_failing_row_leaves_the_others_alone(decoder: Decoder) -> None:
    def on_text(row: int, text: str) -> None:
        if row == 1:
            raise OSError("the listener has gone")

    finished = decoder.stream(
        [
            Row(QUERIES[0], temperature=0),
            Row(QUERIES[0], temperature=0),
            Row(QUERIES[0], adapter="unheard of"),
            Row("Peru " * 2000),
        ],
        on_text,
    )
    assert finished[0] == write(decoder, [Row(QUERIES[0], temperature=0)])[0]
    assert "failed" in finished[1].error
    assert "not loaded" in finished[2].error
    assert "too long" in finished[3].error
    assert all(each.truncated for each in finished[1:])


def scaled(folder: Path, factor: float, into: Path) -> Path:
    """A copy of an adapter with its weights multiplied."""
    for file in folder.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    weights = load_file(into / "adapter_model.safetensors")
    save_file({k: v * factor for k, v in weights.items()}, into / "adapter_model.safetensors")
    return into


def test_numbers_that_overflow_end_their_own_row_only(
    decoder: Decoder, folders: dict[str, Path], tmp_path: Path
) -> None:
    decoder.add("huge", scaled(folders["plain"], 1e30, tmp_path))
    row = Row(QUERIES[0], temperature=0, adapter="attention")
    good, broken = write(decoder, [row, Row(QUERIES[0], adapter="huge")])
    assert "not a number" in broken.error
    assert good == write(decoder, [row])[0]


def test_an_adapter_that_is_not_finite_is_refused(
    decoder: Decoder, folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="not finite"):
        decoder.add("broken", scaled(folders["plain"], math.nan, tmp_path))


def test_stopping_ends_all_rows_and_keeps_their_texts(decoder: Decoder) -> None:
    seen: list[str] = []
    finished = decoder.stream(
        [Row(QUERIES[0], temperature=0), Row(QUERIES[2], temperature=0)],
        lambda row, text: seen.append(text),
        stopped=lambda: len(seen) >= 4,
    )
    assert all(each.truncated for each in finished)
    assert "".join(each.text for each in finished)
    assert len("".join(seen)) == sum(len(each.text) for each in finished)


def test_adapters_are_replaced_and_removed(decoder: Decoder, folders: dict[str, Path]) -> None:
    row = Row(QUERIES[0], temperature=0, adapter="plain", max_new_tokens=16)
    before = write(decoder, [row])[0]
    decoder.add("plain", folders["attention"])
    after = write(decoder, [row])[0]
    other = write(decoder, [Row(QUERIES[0], temperature=0, adapter="attention", max_new_tokens=16)])
    assert before != after == other[0]
    decoder.remove("plain")
    assert write(decoder, [row])[0].error


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"use_dora": True}, "not plain LoRA"),
        ({"peft_type": "IA3"}, "not plain LoRA"),
    ],
)
def test_adapters_of_other_kinds_are_refused(
    folders: dict[str, Path], tmp_path: Path, change: dict[str, object], says: str
) -> None:
    for file in folders["plain"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=says):
        read_lora(tmp_path)


def test_broken_adapters_are_refused_in_a_sentence(
    decoder: Decoder, folders: dict[str, Path], tmp_path: Path
) -> None:
    """Whatever is wrong with the files, so that a batch never meets anything but a ModelError."""
    good = {file.name: file.read_bytes() for file in folders["plain"].iterdir()}
    weights = load_file(folders["plain"] / "adapter_model.safetensors")
    half = {key: value for key, value in weights.items() if "lora_B" not in key}
    config = json.loads(good["adapter_config.json"])
    config.pop("lora_alpha")
    flat = {key: value.flatten() for key, value in weights.items()}
    for name, content in (
        ("adapter_model.safetensors", good["adapter_model.safetensors"][:5000]),
        ("adapter_model.safetensors", b"\xff" * 100),
        ("adapter_model.safetensors", b""),
        ("adapter_model.safetensors", save(half)),
        ("adapter_model.safetensors", save(flat)),
        ("adapter_config.json", b"{"),
        ("adapter_config.json", b"[]"),
        ("adapter_config.json", b"\xff\xfe"),
        ("adapter_config.json", json.dumps(config).encode()),
    ):
        for each, right in good.items():
            (tmp_path / each).write_bytes(right)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError):
            decoder.add("broken", tmp_path)
    assert not write(decoder, [Row(QUERIES[0])])[0].error


def test_adapters_for_another_model_are_refused(
    decoder: Decoder, folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no readable adapter"):
        decoder.add("missing", tmp_path / "nowhere")
    for file in folders["plain"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "adapter_model.safetensors")
    wide = {k: torch.zeros(v.shape[0], v.shape[1] + 1) for k, v in weights.items() if "lora_A" in k}
    save_file({**weights, **wide}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        decoder.add("wide", tmp_path)
    foreign = {key.replace("layers.0", "layers.99"): value for key, value in weights.items()}
    save_file(foreign, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"has no layer .*layers\.99"):
        decoder.add("foreign", tmp_path)
    assert not write(decoder, [Row(QUERIES[0])])[0].error


def test_sampling_inverts_the_cumulated_probabilities() -> None:
    # softmax of log p is p; at temperature 2 the square roots count: 3/6, 2/6, 1/6
    p = torch.tensor([9.0, 4.0, 1.0])
    draws = [(i + 0.5) / 600 for i in range(600)]
    tokens = _sample(p.log().expand(600, 3), [2.0] * 600, draws)
    assert torch.bincount(tokens).tolist() == [300, 200, 100]
    sharp = _sample(p.log().expand(600, 3), [1.0] * 600, draws)
    assert torch.bincount(sharp).tolist() == [round(600 * 9 / 14), round(600 * 4 / 14), 43]


def test_sampling_never_takes_the_impossible_and_tells_broken_rows() -> None:
    logits = torch.tensor(
        [[-math.inf, 0.0, -math.inf], [0.0, 5.0, -math.inf], [math.nan, 0.0, 0.0]]
    )
    assert _sample(logits, [1.0, 0.0, 1.0], [0.0, 0.99, 0.5]).tolist() == [1, 1, -1]
