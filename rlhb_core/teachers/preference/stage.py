"""SFT on preferred answers, DPO, ORPO and KTO: the baselines that learn from the data itself, without rollouts.

Preparation, batches and losses are TRL's, of its own trainers; optimiser, steps, checkpoints and judging are those of
every other arm, and so are prompts, adapter and data. TRL is an optional extra and imported only here.
"""

import os
import random
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rlhb_core.errors import BadConfig, NotEnoughData, RunError
from rlhb_core.learning.optimiser import adamw, rise_and_decay
from rlhb_core.learning.session import POLICY, Metrics, Session
from rlhb_core.lm.generator import fit_prompt
from rlhb_core.run.data import Logged, Split
from rlhb_core.run.votes import Voted
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import parse, preference_score
from rlhb_core.schema.history import unpacked, without_oldest
from rlhb_core.schema.prompts import messages, plain
from rlhb_core.teachers.preference import NAME, PreferenceEvidence, Seen, missing
from rlhb_core.teachers.preference.settings import PreferenceSettings

if TYPE_CHECKING:
    from transformers import Trainer

LOOK_EVERY = 25
LOOK_ROWS = 256

TrlExample = dict[str, Any]
"""One row as TRL takes it, but with plain text: prompt, and chosen and rejected, or completion,
perhaps with a label.
"""
Weighted = tuple[TrlExample, float]


# --- data -----------------------------------------------------------------------------------------


def winners(votes: Sequence[Voted]) -> list[Weighted]:
    """The answers that won a vote, stand first in a ranking or came of an edit; not those that somebody then edited.

    Of a ranking those that share the first place share its weight.
    """
    edited = {(vote.query, vote.responses[1].strip()) for vote in votes if vote.edit}
    found = []
    for vote in votes:
        first = sorted({better for better, _ in vote.pairs if _stands_first(vote, better)})
        found += [
            ({"prompt": vote.query, "completion": text}, vote.weight / len(first))
            for text in (vote.responses[each] for each in first)
            if text.strip() and (vote.query, text.strip()) not in edited
        ]
    return found


def _stands_first(vote: Voted, index: int) -> bool:
    return vote.places[index] == 1 if vote.places else vote.outcome == index


def pairs(votes: Sequence[Voted]) -> list[Weighted]:
    """The answer that was called better against each other one; those that read the same, or say nothing, are none.

    However many pairs a ranking tells, together they weigh what a vote among the same answers does: n - 1.
    """
    found = []
    for vote in votes:
        told = [
            (chosen, other)
            for chosen, other in ((vote.responses[a], vote.responses[b]) for a, b in vote.pairs)
            if chosen.strip() and other.strip() and other.strip() != chosen.strip()
        ]
        count = len({text for pair in told for text in pair}) - 1
        weight = vote.weight * count / len(told) if told and vote.places else vote.weight
        found += [
            ({"prompt": vote.query, "chosen": chosen, "rejected": other}, weight)
            for chosen, other in told
        ]
    return found


def labels(rows: Sequence[Logged]) -> list[Weighted]:
    """Whole answers with whether their behaviour speaks for them; those of which it says neither are left out.

    A behaviour speaks by the clauses of `data.clauses`: a vote, which is relative, only if that names it.

    Where readers of the same answer to the same query disagree,
    those on the side of their mean score are kept, and none if it is 0.
    """
    scored = [
        (row, preference_score(parse(row.behavior))) for row in rows if row.whole and row.ended
    ]
    total: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row, score in scored:
        total[_said(row)] += score
    return [
        ({"prompt": row.query, "completion": row.response, "label": score > 0}, row.weight)
        for row, score in scored
        if score * total[_said(row)] > 0
    ]


def _said(row: Logged) -> tuple[str, str]:
    return row.query.strip(), row.response.strip()


def examples(arm: Arm, split: Split, held_out: bool) -> list[Weighted]:
    """What an arm learns from, of the training or the held-out part."""
    votes = split.held_out_votes if held_out else split.train_votes
    match arm:
        case Arm.SFT_PREFERRED:
            return winners(votes)
        case Arm.KTO:
            return labels(split.held_out if held_out else split.train)
        case _:
            return pairs(votes)


def shuffled(found: Sequence[Weighted], seed: int) -> list[TrlExample]:
    """The examples in a random order; each is kept with the probability of its weight, the largest taken as 1."""
    rng = random.Random(seed)
    largest = max((weight for _, weight in found), default=1.0)
    kept = [example for example, weight in found if rng.random() < weight / largest]
    rng.shuffle(kept)
    return kept


# --- the stage ------------------------------------------------------------------------------------


class PreferenceStage:
    """Gradient steps of a TRL loss on the policy adapter."""

    name = NAME

    def __init__(self, session: Session) -> None:
        if reason := missing(session.config.arm):
            raise BadConfig(reason)
        self._session, self._trunk = session, session.trunk
        self._settings = session.config.section(PreferenceSettings)
        self.total = self._settings.steps
        arm, seed = session.config.arm, session.config.seed
        train, held_out = (
            shuffled(examples(arm, session.split, part), seed) for part in (False, True)
        )
        if min(len(train), len(held_out)) < 2:
            raise NotEnoughData(
                f"{len(train)} training and {len(held_out)} held-out examples for {arm.label} where at least 2 of "
                "each are needed: collect more answers that people clearly prefer or reject"
            )
        self._batch = min(self._settings.batch, len(train))
        train = train[: self.total * self._batch]  # the rest would be prepared and never seen
        with self._trunk.using(POLICY), _quiet():  # the policy as it stands is the reference
            self._trainer = make_trainer(session, train, held_out[:LOOK_ROWS], self._batch)
        learned_from = Seen(examples=len(train), seen=self.total * self._batch)
        session.evidence_as(PreferenceEvidence).preference = learned_from
        self._parameters = self._trunk.parameters_of(POLICY)
        self._optimiser = adamw(self._parameters, self._settings.learning_rate, betas=(0.9, 0.99))

    def step(self, number: int) -> Metrics:
        """One gradient step on the next batch of the shuffled examples."""
        rate = rise_and_decay(self._settings.learning_rate, number, self.total)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        batches = len(self._trainer.train_dataset) // self._batch  # type: ignore[arg-type]
        first = (number - 1) % batches * self._batch
        self._optimiser.zero_grad()
        with self._trunk.using(POLICY), _quiet():
            loss = self._loss(self._trainer.train_dataset, first, first + self._batch)
            loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        if not torch.isfinite(loss + norm):
            raise RunError(
                f"the loss of step {number} is not finite: lower preference.learning_rate"
            )
        self._optimiser.step()
        found = {
            "preference/loss": loss.item(),
            "preference/grad_norm": norm.item(),
            "preference/learning_rate": rate,
        }
        if number % LOOK_EVERY == 0 or number == self.total:
            found["preference/held_out_loss"] = self._held_out_loss()
        return found

    def _loss(self, rows: Any, first: int, end: int) -> Tensor:
        """TRL's loss of rows first to end, without its drawing of batches, so that a resumed run sees the same ones."""
        batch = self._trainer.data_collator([rows[index] for index in range(first, end)])
        placed = {
            name: value.to(self._trunk.device) if isinstance(value, Tensor) else value
            for name, value in batch.items()
        }
        loss = self._trainer.compute_loss(self._trunk.model, placed)
        assert isinstance(loss, Tensor)
        return loss

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        rows: Any = self._trainer.eval_dataset
        total = 0.0
        with self._trunk.using(POLICY), _quiet():
            for first in range(0, len(rows), self._batch):
                end = min(first + self._batch, len(rows))
                total += self._loss(rows, first, end).item() * (end - first)
        return total / len(rows)

    def state(self) -> dict[str, Any]:
        """The optimiser; the examples are made again by their seed."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


# --- TRL ------------------------------------------------------------------------------------------


def make_trainer(
    session: Session, train: Sequence[TrlExample], held_out: Sequence[TrlExample], batch: int
) -> "Trainer":
    """TRL's trainer of the run's arm on these examples, for the adapter in use, of which it takes the reference now.

    It is never told to train: it prepares rows, collates them and computes the loss.
    """
    import trl
    from datasets import Dataset

    config, trunk = session.config, session.trunk
    told: dict[str, Any] = {
        "output_dir": "unused",  # nothing is saved
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "per_device_train_batch_size": batch,
        "max_length": config.sampling.max_prompt_tokens + config.sampling.max_new_tokens + 1,
        "remove_unused_columns": False,
        "gradient_checkpointing": False,
        "use_cpu": trunk.device.type == "cpu",
        "bf16": False,  # the trunk has its precision already
        "seed": config.seed,
    }
    measured: dict[str, Any] = {
        "beta": config.section(PreferenceSettings).beta,
        "precompute_ref_log_probs": True,
        "precompute_ref_batch_size": max(8, config.sampling.batch // 4),
    }
    given = {
        "train_dataset": Dataset.from_list([as_trl(session, example) for example in train]),
        "eval_dataset": Dataset.from_list([as_trl(session, example) for example in held_out]),
        "processing_class": trunk.tokenizer,
    }
    found: Trainer
    match config.arm:
        case Arm.SFT_PREFERRED:
            found = trl.SFTTrainer(trunk.model, args=trl.SFTConfig(**told), **given)
        case Arm.DPO:
            found = trl.DPOTrainer(trunk.model, args=trl.DPOConfig(**told, **measured), **given)
        case Arm.KTO:
            told["desirable_weight"] = evened([example["label"] for example in train])
            found = trl.KTOTrainer(trunk.model, args=trl.KTOConfig(**told, **measured), **given)
        case _:
            from trl.experimental.orpo import ORPOConfig, ORPOTrainer

            args = ORPOConfig(**told, beta=config.section(PreferenceSettings).beta)
            found = ORPOTrainer(trunk.model, args=args, **given)
    return found


def evened(liked: Sequence[bool]) -> float:
    """KTO's weight of liked answers under which they weigh 1.15 times as much as the disliked ones, whose weight is 1:
    the middle of the range of its paper (arXiv 2402.01306, eq. 8).
    """
    return 1.15 * max(1, liked.count(False)) / max(1, liked.count(True))


def as_trl(session: Session, example: TrlExample) -> TrlExample:
    """Texts as the chat that they are, or, where the model has no chat template, as `generator.encode_prompt` has it;
    with as many of the turns before the question as that has.
    """
    chat = session.trunk.tokenizer.chat_template is not None
    found = dict(example)
    for name in found.keys() & {"chosen", "rejected", "completion"}:
        if chat:
            found[name] = [{"role": "assistant", "content": found[name]}]
    most = session.config.sampling.max_prompt_tokens
    asked = unpacked(found["prompt"])
    left_out = fit_prompt(session.trunk, found["prompt"], most=most).left_out
    said = messages(asked.query, history=without_oldest(asked.history, left_out))
    found["prompt"] = said if chat else plain(said)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """TRL 1.16 uses names that transformers 5.23 has deprecated, warns of its own experimental part, and draws bars."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars
    from datasets.utils import enable_progress_bars as enable

    shown, before = not are_progress_bars_disabled(), os.environ.get("TQDM_DISABLE")
    disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*")
            warnings.filterwarnings("ignore", message=".*importing from 'trl.experimental'.*")
            yield
    finally:
        os.environ.pop("TQDM_DISABLE")
        if before is not None:
            os.environ["TQDM_DISABLE"] = before
        if shown:
            enable()
