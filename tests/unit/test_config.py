"""Recipes and settings: defaults, overrides, refusals in a sentence."""

import pytest

from rlhb_core.errors import BadConfig
from rlhb_core.run.config import describe_settings
from rlhb_core.run.recipe import load_recipe, parse_config, recipes
from rlhb_core.schema.arms import Arm


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_loads_and_trains_its_arm(name: str) -> None:
    config = load_recipe(name, {"start": "/somewhere"})
    assert config.recipe == name
    assert config.arm is Arm(name)


def test_overrides_may_be_nested_or_dotted() -> None:
    nested = load_recipe("rlhb", {"ppo": {"kl": 0.5}, "seed": 3})
    dotted = load_recipe("rlhb", {"ppo.kl": 0.5, "seed": 3})
    assert nested == dotted
    assert nested.ppo.kl == 0.5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"arm": "rlhf", "ppo": {"klx": 1}}, "klx"),
        ({"arm": "rlhf", "ppo": {"kl": -1}}, "ppo.kl"),
        ({"arm": "sft"}, "not trained here"),
        ({"arm": "rlhf_rlhb"}, "name its adapter folder in start"),
        ({"arm": "rlhb", "ppo": {"rollouts": 10, "per_query": 3}}, "multiple"),
        ({"arm": "rlhb", "data": {"clauses": ["mood"]}}, "mood"),
        ({"arm": "rlhb", "ppo": {"kl": float("nan")}}, "ppo.kl"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadConfig, match=sentence):
        parse_config(settings)


def test_unknown_recipes_and_settings_are_refused() -> None:
    with pytest.raises(BadConfig, match=r"there are: .*rlhb, rlhbc, rlhf"):
        load_recipe("nonsense")
    with pytest.raises(BadConfig, match="seed"):
        load_recipe("rlhb", {"seed.x": 1})
    with pytest.raises(BadConfig, match=r"no setting ppo.entropie \(did you mean ppo.entropy\?\)"):
        load_recipe("rlhb", {"ppo.entropie": 0.1})


def test_every_setting_has_its_sentence() -> None:
    rows = describe_settings()
    assert len(rows) > 50
    for row in rows:
        assert row.sentence.endswith("."), row.name
    assert "ppo.kl" in {row.name for row in rows}
