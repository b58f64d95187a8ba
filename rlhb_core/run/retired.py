"""Settings that there once were: each has one value now, a constant beside the code that uses it.

A run folder that was written before still holds them. It is read as if they were not there; it is trained on only if
they had the value that is now the only one. Does not know where the constants stand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

RETIRED: Mapping[str, float] = {
    "ppo.gamma": 1.0,
    "ppo.gae_lambda": 0.95,
    "ppo.gradient_clip": 1.0,
    "ppo.final_learning_rate": 0.2,
    "evaluation.watch_iterations": 8,
    "reward_model.weight_decay": 0.05,
    "reward_model.variance_weight": 0.5,
    "classifier.weight_decay": 0.05,
    "classifier.dropout": 0.1,
    "discriminator.weight_decay": 0.01,
    "discriminator.replay_size": 2000,
    "discriminator.reward_clip": 2.5,
}
"""Dotted name -> the value that it has now, whatever is asked for."""


def retired_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The retired ones among these settings (nested, as in config.json), by their dotted names."""
    return {name: value for name, value in _flat(settings) if name in RETIRED}


def without_retired(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings without the retired ones."""
    return {
        section: {name: value for name, value in each.items() if f"{section}.{name}" not in RETIRED}
        if isinstance(each, Mapping)
        else each
        for section, each in settings.items()
    }


def otherwise(settings: Mapping[str, Any]) -> str:
    """What stands in the way of training with these settings as they were; empty if nothing does."""
    return " ".join(
        f"{sentence(name)} This run was made with {value}."
        for name, value in retired_in(settings).items()
        if value != RETIRED[name]
    )


def sentence(name: str) -> str:
    """What is said to a person who asks for a retired setting."""
    return f"{name} is no longer a setting: it is {RETIRED[name]:g} always."


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, each in settings.items():
        if isinstance(each, Mapping):
            yield from ((f"{section}.{name}", value) for name, value in each.items())
