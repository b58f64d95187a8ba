"""Every format of feedback, from the act to the gradient: recorded, exported, read into an empty store, made training
rows, learned from; what it says should rise has risen. And the files for TRL, by TRL's own trainers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from app.files import (
    EXPORTS,
    comparison_lines,
    import_jsonl,
    triplet_lines,
    write_lines,
)
from app.store import Store, signals
from rlhb_core import teachers
from rlhb_core.errors import NotEnoughData
from rlhb_core.learning.session import POLICY, Session, Stage, seed_all
from rlhb_core.lm.scorers import Written
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Split, load_split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import parse
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Comparison, Query, Response, Triplet
from rlhb_core.schema.signals import Signal
from rlhb_core.teachers.classifier import stage as classifier
from rlhb_core.teachers.preference.stage import PreferenceStage, labels, pairs
from rlhb_core.teachers.reward_model import stage as reward_model
from rlhb_core.teachers.reward_model.model import RewardModel
from rlhb_core.teachers.reward_model.stage import RewardModelStage
from tests.integration.test_export_import import EVERYTHING
from tests.scene import OPENED_MS, act, asked, best, someone
from tests.unit.test_preference import total_logprob

QUERIES = 40
SOME = 6
"""Training queries on which it is measured what has risen."""
GOOD, FAIR, BAD = "It is {n}.", "It may be {n}.", "I do not know what {n} is."
EDITED = "It is {n}, of course."

Measured = dict[str, float]


@dataclass(frozen=True)
class Format:
    """One format: what people do, who learns from it, and what should rise by it."""

    arm: Arm
    acts: Callable[[Query, Sequence[Response], int], list[Signal]]
    measure: Callable[[Session], Measured]
    settings: dict[str, Any] = field(default_factory=dict)
    votes: int = QUERIES
    """Judgements that a run makes of it."""


# --- acts -----------------------------------------------------------------------------------------


def ranks(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    return [act("rank", query, order=[[str(each.id)] for each in answers])]


def ranks_with_a_tie(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    good, fair, bad = (str(each.id) for each in answers)
    return [act("rank", query, order=[[good, fair], [bad]])]


def votes(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    return [best(query, answers[0])]


def votes_of_two_strengths(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    strength = 3 if n % 2 else 1
    return [act("vote", query, choice="best", best=str(answers[0].id), strength=strength)]


def rates(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    given = [
        act("rate", query, answer, aspect=aspect, value=float(value))
        for aspect, values in (("clear", (5, 4, 1)), ("kind", (2, 4, 5)))
        for answer, value in zip(answers, values, strict=True)
        if aspect == "clear" or n % 3
    ]
    return [*given, act("vote", query, choice="tie")]


def likes(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    return [act("like", query, answers[0]), act("dislike", query, answers[2])]


def edits(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    taken_back: dict[str, Any] = {"text": f"Never mind {n}."}
    return [
        act("edit", query, answers[2], text=EDITED.format(n=n)),
        act("edit", query, answers[1], text=f" {answers[1].text} "),
        act("edit", query, answers[0], **taken_back),
        act("edit", query, answers[0], after_ms=61_000, **taken_back, on=False),
    ]


def marks(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    good, _, bad = answers
    told: dict[str, Any] = {"mark": str(query.id), "start": 0, "end": 5}
    return [
        act("mark", query, good, quality="good", reason="right", **told),
        act("mark", query, bad, quality="bad", note="It is not so hard.", **told),
    ]


def comments(query: Query, answers: Sequence[Response], n: int) -> list[Signal]:
    return [act("critique", query, answers[2], text=f"It is {n}. Really", tags=["wrong"])]


# --- what should rise -----------------------------------------------------------------------------


def asked_of(session: Session) -> list[tuple[str, int]]:
    """Some training queries, each with its number."""
    rows = dict.fromkeys(row.query for row in session.split.train)
    return [(query, int(query.split()[2])) for query in list(rows)[:SOME]]


def scores(session: Session, answer: str) -> torch.Tensor:
    model = session.heads["reward_model"].eval()
    assert isinstance(model, RewardModel)
    rows = [Written(query, answer.format(n=n)) for query, n in asked_of(session)]
    with torch.no_grad():
        return model.aspects(session.features(rows))


def leads(*steps: tuple[str, str]) -> Callable[[Session], Measured]:
    """How far the reward of one answer leads that of another."""

    def measure(session: Session) -> Measured:
        return {
            f"{better} > {worse}": float((scores(session, better) - scores(session, worse))[:, 0].mean())
            for better, worse in steps
        }  # fmt: skip

    return measure


def foresight(session: Session) -> Measured:
    """How near each aspect is to its ratings: with what people usually give taken off, one rises and one falls."""
    good, bad = scores(session, GOOD).mean(0), scores(session, BAD).mean(0)
    return {"clear": float(good[1] - bad[1]), "kind": float(bad[2] - good[2])}


def logprob(session: Session, answer: str) -> float:
    with session.trunk.using(POLICY):
        found = [
            total_logprob(session.trunk, query, answer.format(n=n))[0]
            for query, n in asked_of(session)
        ]
    return sum(found) / len(found)


def likelihoods(**signs: int) -> Callable[[Session], Measured]:
    """Log-probabilities of answers, those that should fall with a minus."""
    named = {"good": GOOD, "fair": FAIR, "bad": BAD, "edited": EDITED}

    def measure(session: Session) -> Measured:
        return {name: sign * logprob(session, named[name]) for name, sign in signs.items()}

    return measure


def margin_of(better: str, worse: str) -> Callable[[Session], Measured]:
    return lambda session: {"margin": logprob(session, better) - logprob(session, worse)}


def told_behavior(session: Session) -> Measured:
    """How likely the classifier finds what people really did."""
    model: Any = session.heads["classifier"].eval()
    rows = [row for row in session.split.train if row.whole]
    with torch.no_grad():
        (logs,) = model.logprobs(session.logged_features(rows))
    (clause,) = session.config.data.clauses
    told = torch.tensor([parse(row.behavior)[clause] for row in rows])
    assert len(set(told.tolist())) > 1
    return {"likelihood": float(logs.gather(1, told[:, None]).mean())}


# --- the formats ----------------------------------------------------------------------------------

FORMATS = {
    "best of three": Format(Arm.RLHF, votes, leads((GOOD, FAIR), (GOOD, BAD))),
    "best of three by pairs": Format(Arm.DPO, votes, margin_of(GOOD, BAD)),
    "ranking": Format(Arm.RLHF, ranks, leads((GOOD, FAIR), (FAIR, BAD))),
    "ranking with a tie": Format(Arm.RLHF, ranks_with_a_tie, leads((GOOD, BAD), (FAIR, BAD))),
    "ranking by pairs": Format(Arm.DPO, ranks, margin_of(GOOD, BAD)),
    "ranking by odds": Format(Arm.ORPO, ranks, margin_of(GOOD, BAD)),
    "ranking to imitate": Format(Arm.SFT_PREFERRED, ranks, likelihoods(good=1)),
    "aspects": Format(
        Arm.RLHF, rates, foresight, {"reward_model.aspects": {"clear": 1.0, "kind": 0.5}}
    ),
    "good or bad": Format(Arm.KTO, likes, likelihoods(good=1, bad=-1), votes=0),
    "edit as a pair": Format(Arm.RLHF, edits, leads((EDITED, BAD))),
    "edit by pairs": Format(Arm.DPO, edits, margin_of(EDITED, BAD)),
    "edit to imitate": Format(Arm.SFT_PREFERRED, edits, likelihoods(edited=1)),
    "marked passages": Format(
        Arm.RLHBC, marks, told_behavior, {"data.clauses": ("passages",)}, votes=0
    ),
    "comments": Format(
        Arm.RLHBC, comments, told_behavior, {"data.clauses": ("commented",)}, votes=0
    ),
}


def recorded(store: Store, acts: Callable[[Query, Sequence[Response], int], list[Signal]]) -> None:
    with store.writing() as connection:
        person = someone(connection)
        for n in range(QUERIES):
            answers = tuple(each.format(n=n) for each in (GOOD, FAIR, BAD))
            query, given = asked(connection, person, f"What is {n} plus 0?", answers, OPENED_MS + n)
            signals.record(connection, person.id, acts(query, given, n), OPENED_MS + 99_000)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def travelled(store: Store, other: Store, tmp_path: Path) -> tuple[list[Triplet], list[Comparison]]:
    """What a run reads of a store into which the export of the first one was imported."""
    sent = b"".join(triplet_lines(store, EVERYTHING)).splitlines()
    assert import_jsonl(other, sent).imported == 3 * QUERIES
    write_lines(tmp_path / "triplets.jsonl", triplet_lines(other, EVERYTHING))
    write_lines(tmp_path / "comparisons.jsonl", comparison_lines(other, EVERYTHING))
    return (
        list(read_jsonl(tmp_path / "triplets.jsonl", Triplet)),
        list(read_jsonl(tmp_path / "comparisons.jsonl", Comparison)),
    )


def session_of(
    arm: Arm, settings: dict[str, Any], split: Split | None = None, *rows: Any
) -> Session:
    wanted = {
        "device": "cpu",
        "adapter.rank": 4,
        "data.min_triplets": 8,
        "data.min_comparisons": 8,
        "preference.steps": 2,
        "preference.learning_rate": 0.003,
        "preference.batch": 16,
        "reward_model.steps": 1,
        "classifier.steps": 1,
    }
    config = load_recipe(arm, wanted | settings)
    split = split or load_split(config, *rows)
    torch.set_num_threads(1)
    seed_all(0)
    trunk = load_trunk("embedded", "cpu")
    teachers.of(arm).check(config, split)
    return Session(config, split, trunk, teachers.of(arm).evidence())


STAGES: dict[Arm, Callable[[Session], Stage]] = {
    Arm.RLHF: RewardModelStage,
    Arm.RLHBC: classifier.ClassifierStage,
    **dict.fromkeys((Arm.DPO, Arm.ORPO, Arm.KTO, Arm.SFT_PREFERRED), PreferenceStage),
}


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("name", FORMATS)
def test_one_step_moves_what_was_said_the_way_it_was_said(
    name: str, sqlite_store: Store, other: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = FORMATS[name]
    recorded(sqlite_store, wanted.acts)
    rows = travelled(sqlite_store, other, tmp_path)
    session = session_of(wanted.arm, wanted.settings, None, *rows)
    judged = [*session.split.train_votes, *session.split.held_out_votes]
    if not session.split.votes_drawn:
        assert len(judged) == wanted.votes, "each counts once"
    for module in (reward_model, classifier):
        monkeypatch.setattr(module, "STEPS_AT_ONCE", 1)
    stage = STAGES[wanted.arm](session)
    before = wanted.measure(session)
    stage.step(1)
    after = wanted.measure(session)
    assert before.keys() == after.keys()
    for each, value in after.items():
        assert math.isfinite(value)
        assert value > before[each], each


def test_much_better_leads_by_more_than_slightly_better(
    sqlite_store: Store, other: Store, tmp_path: Path
) -> None:
    recorded(sqlite_store, votes_of_two_strengths)
    rows = travelled(sqlite_store, other, tmp_path)
    led = {}
    for margin in (0.0, 2.0):
        settings = {"reward_model.margin": margin, "reward_model.steps": 40}
        session = session_of(Arm.RLHF, settings, None, *rows)
        strengths = {vote.query: vote.strength for vote in session.split.train_votes}
        assert {1, 3} == set(strengths.values())
        stage = RewardModelStage(session)
        for number in range(1, stage.total + 1):
            stage.step(number)
        model = stage._model
        for strength in (1, 3):
            some = [vote for vote in session.split.train_votes if vote.strength == strength]
            found = reward_model.margins(model, reward_model.Votes.of(session, some))
            led[margin, strength] = float(found.detach().mean())
    gained = {strength: led[2.0, strength] - led[0.0, strength] for strength in (1, 3)}
    assert gained[3] > gained[1] > 0, "by what the margin adds: much better asks for more"


def test_edits_teach_only_if_asked_for_and_a_like_is_no_vote(
    sqlite_store: Store, other: Store, tmp_path: Path
) -> None:
    recorded(sqlite_store, lambda *told: [*edits(*told), *likes(*told), *votes(*told)])
    rows = travelled(sqlite_store, other, tmp_path)
    with_edits, without = (
        session_of(Arm.DPO, {"data.edits": wanted}, None, *rows).split for wanted in (True, False)
    )
    assert len(with_edits.train_votes + with_edits.held_out_votes) == 2 * QUERIES
    assert len(without.train_votes + without.held_out_votes) == QUERIES
    told = pairs(with_edits.train_votes + with_edits.held_out_votes)
    assert not [row for row, _ in told if row["chosen"].strip() == row["rejected"].strip()]
    assert not [row for row, _ in told if "Never mind" in row["chosen"]]


def test_a_vote_is_no_label_unless_asked_for(
    sqlite_store: Store, other: Store, tmp_path: Path
) -> None:
    recorded(sqlite_store, votes)
    rows = travelled(sqlite_store, other, tmp_path)
    with pytest.raises(NotEnoughData, match="0 training and 0 held-out examples for KTO"):
        PreferenceStage(session_of(Arm.KTO, {}, None, *rows))
    asked_for = session_of(Arm.KTO, {"data.clauses": ("vote",)}, None, *rows)
    assert labels(asked_for.split.train)


# --- TRL reads the files --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", ["preferences", "labels", "completions"])
def test_trl_loads_the_exports_and_has_a_loss_of_them(
    kind: str, sqlite_store: Store, tmp_path: Path
) -> None:
    import trl
    from datasets import load_dataset

    recorded(sqlite_store, lambda *told: [*edits(*told), *likes(*told), *ranks(*told)])
    count = write_lines(tmp_path / f"{kind}.jsonl", EXPORTS[kind](sqlite_store, EVERYTHING))
    told = {"preferences": 4 * QUERIES, "labels": 2 * QUERIES, "completions": 2 * QUERIES}
    assert count == told[kind]
    rows = load_dataset(
        "json", data_files=str(tmp_path / f"{kind}.jsonl"), cache_dir=str(tmp_path), split="train"
    )
    trunk = load_trunk("embedded", "cpu")
    settings: dict[str, Any] = {
        "output_dir": str(tmp_path / "out"),
        "report_to": "none",
        "per_device_train_batch_size": 8,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
    }
    given: dict[str, Any] = {"train_dataset": rows, "processing_class": trunk.tokenizer}
    trainer: Any
    if kind == "preferences":
        trainer = trl.DPOTrainer(trunk.model, args=trl.DPOConfig(**settings), **given)
    elif kind == "labels":
        trainer = trl.KTOTrainer(trunk.model, args=trl.KTOConfig(**settings), **given)
    else:
        trainer = trl.SFTTrainer(trunk.model, args=trl.SFTConfig(**settings), **given)
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model, batch)
    assert math.isfinite(float(loss.detach()))
