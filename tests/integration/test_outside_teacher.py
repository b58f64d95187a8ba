"""A teacher from outside the package is offered, trained, judged, drawn and served like those that come with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.runs import Choice, propose, trainable
from app.runs.run_views import newest_numbers
from app.runs.verdict_view import verdict_view
from app.serving.registry import register_base
from app.settings import Settings
from app.store import Store
from rlhb_core.figures.curves import figures
from rlhb_core.learning.session import seed_all
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run import metrics, plots
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import load_recipe, parse_config
from rlhb_core.schema import arms
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.records import RunStatus, Source
from rlhb_core.train.loop import train
from rlhb_core.train.version import read_version
from rlhb_core.world.simulation import Author, as_log, simulate
from tests.integration.test_training import TINY
from tests.shorter import install


@pytest.fixture
def shorter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Arm]:
    """The arm, for this test only."""
    monkeypatch.setattr(metrics, "METRICS", metrics.METRICS)
    before = dict(metrics.METRICS), dict(plots._PLOTS), dict(ARMS), dict(arms._INTERNED)
    yield install()
    for table, old in zip(
        (metrics.METRICS, plots._PLOTS, ARMS, arms._INTERNED), before, strict=True
    ):
        table.clear()  # type: ignore[attr-defined]
        table.update(old)  # type: ignore[attr-defined]


def test_it_is_trained_judged_drawn_and_leaves_a_version(shorter: Arm, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    seed_all(0)
    trunk = load_trunk("embedded", "cpu")
    log = as_log(simulate(trunk, [Author("SFT", Arm.SFT)] * 2, 60, seed=0, people=4))
    config = parse_config(TINY | {"arm": "shorter", "source": "imported"})
    run = RunDir.create(tmp_path / "run", config, *log)
    assert train(run) == 0, run.message()
    assert run.state() is RunStatus.DONE

    result = run.result()
    assert result is not None
    assert result["verdict"]["word"] in ("improved", "no gain")
    assert result["evidence"]["words"] > 0
    assert result["evidence"]["version"] == 1
    assert read_version(run.version)["arm"] == "shorter"
    assert {row["stage"] for row in run.metrics()} == {"shortening"}

    drawn = [figure.name for figure in figures(run.metrics())]
    assert drawn[0] == "shorter-words"
    assert "words" in [number.label for number in newest_numbers(run.metrics())]
    shown = verdict_view(result, "SFT")
    assert shown is not None
    assert shown.checks[0].name == "answers are short"


def test_it_is_offered_and_planned(shorter: Arm, store: Store, tmp_path: Path) -> None:
    assert shorter in trainable()
    assert (shorter.label, ARMS[shorter].sentence) == ("SHORTER", "reward for short answers")
    settings = Settings(data_dir=tmp_path)
    register_base(store, settings)
    recipe = tmp_path / "shorter.toml"
    recipe.write_text('arm = "shorter"\n')
    assert load_recipe(str(recipe)).arm is shorter
    proposal = propose(
        store, settings, Choice(shorter, frozenset({Source.REAL}), recipe=str(recipe))
    )
    assert not proposal.enough
    assert "too little for SHORTER" in proposal.sentence
