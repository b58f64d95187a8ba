"""A model in one GGUF file as a folder that transformers loads: quantised weights are written out in full.

The weights stay those of the quantised file; only their form changes. Does not know where the file comes from.
"""

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from rlhb_core.errors import ModelError


def convert_gguf(file: Path, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the model of `file` into `folder`, in this precision. Raises ModelError, in a sentence.

    Needs the package gguf. The folder's generation config names nothing but the special tokens, since answers are drawn
    from the model's own distribution.
    """
    try:
        place, name = str(file.parent), file.name
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
        quantised = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=dtype)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(f"{file} cannot be read as a GGUF model: {error}") from error
    config = AutoConfig.for_model(
        quantised.config.model_type,
        **{
            key: value
            for key, value in quantised.config.to_dict().items()
            if key not in ("quantization_config", "model_type")
        },
    )
    # a fresh model: the one that was read still believes itself quantised
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.load_state_dict(quantised.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    (folder / "generation_config.json").write_text(
        json.dumps({key: value for key, value in special.items() if value is not None}, indent=2)
        + "\n",
        encoding="utf-8",
    )
