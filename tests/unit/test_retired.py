"""Settings that there once were: old runs are read, and trained on unless made otherwise; nobody sets one anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlhb_core.errors import BadConfig
from rlhb_core.learning import ppo
from rlhb_core.run.config import describe_settings
from rlhb_core.run.folder import RunDir, write_json
from rlhb_core.run.recipe import load_recipe, parse_config
from rlhb_core.run.retired import RETIRED, otherwise, retired_in, without_retired
from rlhb_core.schema.records import RunStatus
from rlhb_core.teachers.classifier import stage as classifier
from rlhb_core.teachers.discriminator import reward, side
from rlhb_core.teachers.reward_model import model
from rlhb_core.teachers.reward_model import stage as reward_model
from rlhb_core.train import loop as training


def written_before(folder: Path, **changed: Any) -> RunDir:
    """A run as it was written while there were these settings, with other values for some."""
    run = RunDir.create(folder, load_recipe("rlhb", {"seed": 7}))
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    for name, value in {**RETIRED, **changed}.items():
        section, setting = name.split(".")
        assert setting not in settings[section]
        settings[section][setting] = value
    write_json(folder / "config.json", settings)
    return run


def test_what_is_retired_is_no_setting() -> None:
    assert not RETIRED.keys() & {row.name for row in describe_settings()}


def test_the_one_value_is_that_of_the_constant() -> None:
    """What `retired` cannot know: runs are told apart by values that somebody else holds."""
    assert RETIRED == {
        "ppo.gamma": ppo.GAMMA,
        "ppo.gae_lambda": ppo.GAE_LAMBDA,
        "ppo.gradient_clip": ppo.GRADIENT_CLIP,
        "ppo.final_learning_rate": ppo.FINAL_LEARNING_RATE,
        "evaluation.watch_iterations": reward.WATCH_ITERATIONS,
        "reward_model.weight_decay": reward_model.WEIGHT_DECAY,
        "reward_model.variance_weight": model.VARIANCE_WEIGHT,
        "classifier.weight_decay": classifier.WEIGHT_DECAY,
        "classifier.dropout": classifier.DROPOUT,
        "discriminator.weight_decay": side.WEIGHT_DECAY,
        "discriminator.replay_size": reward.REPLAY_SIZE,
        "discriminator.reward_clip": reward.REWARD_CLIP,
    }


def test_an_old_run_is_read_and_goes_on_if_it_was_made_as_runs_are_made_now(tmp_path: Path) -> None:
    run = written_before(tmp_path / "run")
    assert run.config() == load_recipe("rlhb", {"seed": 7})
    assert run.made_otherwise() == ""


def test_one_that_was_made_otherwise_is_read_but_not_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written_before(tmp_path / "run", **{"ppo.gae_lambda": 0.9})
    run.stopped()
    assert run.config() == load_recipe("rlhb", {"seed": 7})
    monkeypatch.setattr(training, "load_trunk", None)  # nothing is loaded for it
    assert training.train(run, resume=True) == 1
    assert run.state() is RunStatus.FAILED
    assert run.message() == (
        "ppo.gae_lambda is no longer a setting: it is 0.95 always. This run was made with 0.9. "
        "It can be read, but this version cannot train it."
    )


def test_a_value_that_is_written_otherwise_is_the_same(tmp_path: Path) -> None:
    assert written_before(tmp_path / "run", **{"ppo.gamma": 1}).made_otherwise() == ""


@pytest.mark.parametrize("value", [0.9, 0.95])
def test_whoever_asks_for_one_is_told_its_value(value: float, tmp_path: Path) -> None:
    sentence = r"ppo.gae_lambda is no longer a setting: it is 0.95 always\. Leave it out\."
    for overrides in ({"ppo.gae_lambda": value}, {"ppo": {"gae_lambda": value}}):
        with pytest.raises(BadConfig, match=sentence):
            load_recipe("rlhf", overrides)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'arm = "rlhf"\n[ppo]\ngae_lambda = {value}\n')
    with pytest.raises(BadConfig, match=sentence):
        load_recipe(str(recipe))


def test_several_are_named_each_with_its_value() -> None:
    with pytest.raises(
        BadConfig, match=r"gamma .* 1 always\. .*replay_size .* 2000 always\. Leave"
    ):
        parse_config({"arm": "rlhb", "ppo": {"gamma": 0.9}, "discriminator": {"replay_size": 5}})


def test_settings_without_the_retired_ones_are_otherwise_the_same() -> None:
    settings = {"arm": "rlhb", "ppo": {"kl": 0.1, "gamma": 0.5}, "data": "?", "gamma": 2}
    assert retired_in(settings) == {"ppo.gamma": 0.5}
    assert without_retired(settings) == settings | {"ppo": {"kl": 0.1}}
    assert otherwise({"ppo": {"gamma": 1.0}, "gamma": 2}) == ""
