"""A worker: PPO iterations of TRL 1.12, the last release that has it, on the common work.

`python -m tests.bench.trl_worker MODEL_FOLDER TRL_FOLDER full|lora`: trains all weights, or an adapter as ours.
"""

import importlib
import random
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import Any

import torch
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
)

from tests.bench.turns import serve
from tests.bench.work import ALPHA, BATCH, EPOCHS, MINI_BATCHES, NEW_TOKENS, RANK, queries


class _Pause(TrainerCallback):
    """Lets the training loop, which runs in a thread of its own, go on by one iteration at a time."""

    def __init__(self) -> None:
        self.go: Queue[None] = Queue()
        self.done: Queue[None] = Queue()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.go.get()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.done.put(None)
        self.go.get()


def trainer(model_folder: str, lora: bool, pause: _Pause, output: Path) -> Any:
    """TRL's trainer: policy, separate value and reward models of the same shape, reference."""
    datasets: Any = importlib.import_module("datasets")  # not among our own dependencies
    ppo: Any = importlib.import_module("trl.experimental.ppo")
    tokenizer = AutoTokenizer.from_pretrained(model_folder, padding_side="left")
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": query}], tokenize=False, add_generation_prompt=True
        )
        for query in queries(random.Random(0), 4 * BATCH)
    ]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert {len(row) for row in ids} <= set(range(20, 29))
    load = AutoModelForSequenceClassification.from_pretrained
    policy = AutoModelForCausalLM.from_pretrained(model_folder)
    return ppo.PPOTrainer(
        args=ppo.PPOConfig(
            output_dir=str(output),
            per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=1,
            num_mini_batches=MINI_BATCHES,
            num_ppo_epochs=EPOCHS,
            response_length=NEW_TOKENS,
            temperature=1.0,
            total_episodes=1000 * BATCH,
            num_sample_generations=0,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
        processing_class=tokenizer,
        model=policy,
        ref_model=None if lora else AutoModelForCausalLM.from_pretrained(model_folder),
        reward_model=load(model_folder, num_labels=1),
        value_model=load(model_folder, num_labels=1),
        train_dataset=datasets.Dataset.from_dict({"input_ids": ids}),
        callbacks=[pause],
        peft_config=LoraConfig(
            r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        if lora
        else None,
    )


def main() -> None:
    """Serve iterations."""
    model_folder, trl_folder, kind = sys.argv[1:]
    sys.path.insert(0, trl_folder)  # before a newer release, which has no PPO
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pause = _Pause()
    training = trainer(model_folder, kind == "lora", pause, Path(model_folder) / "trl")
    threading.Thread(target=training.train, daemon=True).start()

    def iteration() -> float:
        pause.go.put(None)
        pause.done.get()
        return BATCH

    serve(iteration)


if __name__ == "__main__":
    main()
