"""Whether what is trained could be served is said before training, as serving would say it."""

from pathlib import Path

import pytest

from rlhb_core.errors import ModelError
from rlhb_core.lm.decoding import Decoder
from rlhb_core.lm.rows import Row
from rlhb_core.lm.servable import (
    KEEPS_STATE,
    MIXES_ROWS,
    refusal_by_config,
    refuse_mixing,
    refuse_stateful,
)
from rlhb_core.lm.trunk import Trunk, load_trunk
from tests.tiny_models import make


def worn(base: str) -> Trunk:
    trunk = load_trunk(base, "cpu")
    trunk.add_adapter("policy", 4, 8)
    return trunk


@pytest.mark.filterwarnings("ignore:.*did not match any targeted module.*")
@pytest.mark.parametrize("kind", ["opt", "qwen3_moe"])
def test_a_model_that_mixes_rows_is_refused(kind: str, tmp_path: Path) -> None:
    base = make(tmp_path / kind, kind)
    said = f"a version trained on {kind} could not be served: {MIXES_ROWS}"
    assert refusal_by_config(base) == said
    with pytest.raises(ModelError) as found:
        refuse_mixing(worn(base))
    assert str(found.value) == said


def test_the_sentence_is_the_one_of_serving(tmp_path: Path) -> None:
    base = make(tmp_path / "opt", "opt")
    worn(base).save_adapter("policy", tmp_path / "adapter")
    decoder = Decoder(load_trunk(base, "cpu"))
    decoder.add("policy", tmp_path / "adapter")
    rows = [Row("w1 w2", adapter="policy", max_new_tokens=2), Row("w3", max_new_tokens=2)]
    assert decoder.stream(rows, lambda row, text: None)[0].error == MIXES_ROWS


def test_a_model_that_keeps_a_state_is_refused(tmp_path: Path) -> None:
    base = make(tmp_path / "mamba", "mamba")
    trunk = load_trunk(base, "cpu")
    with pytest.raises(ModelError) as by_serving:
        Decoder(trunk)
    with pytest.raises(ModelError) as before_training:
        refuse_stateful(trunk)
    assert str(before_training.value).endswith(str(by_serving.value))
    assert refusal_by_config(base).endswith(f"mamba {KEEPS_STATE}")


def test_a_model_that_can_be_served_is_taken(tmp_path: Path) -> None:
    base = make(tmp_path / "llama", "llama")
    trunk = worn(base)
    refuse_stateful(trunk)
    refuse_mixing(trunk)
    layers = [layer for layer in trunk.model.modules() if hasattr(layer, "lora_A")]
    assert layers
    assert not any(layer._forward_pre_hooks for layer in layers)
    assert [refusal_by_config(each) for each in (base, "some-org/some-model", "embedded")] == [
        ""
    ] * 3


def test_a_broken_config_is_left_to_the_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[")
    assert refusal_by_config(str(tmp_path)) == ""
    (tmp_path / "config.json").write_text("[]")
    assert refusal_by_config(str(tmp_path)) == ""


def test_a_tokenizer_without_an_end_names_the_remedy(tmp_path: Path) -> None:
    base = make(tmp_path / "endless", "llama", end=None)
    with pytest.raises(ModelError, match=r'tokenizer_config.json, as in "eos_token"'):
        load_trunk(base, "cpu")
