"""From a recipe and what is laid over it to the settings of a run.

Recipes are TOML files that hold what differs from the defaults. Does not know any setting by name (`config.py`).
"""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlhb_core.errors import BadConfig
from rlhb_core.run.config import RunConfig, describe_settings
from rlhb_core.run.retired import retired_in, sentence
from rlhb_core.schema.record import describe


def parse_config(settings: Mapping[str, Any]) -> RunConfig:
    """The settings as a RunConfig. Raises BadConfig, in a sentence."""
    if gone := retired_in(settings):
        raise BadConfig(f"{' '.join(map(sentence, gone))} Leave it out.")
    try:
        return RunConfig.load(settings)
    except ValidationError as error:
        if unknown := _unknown(error):
            raise BadConfig(unknown) from None
        raise BadConfig(f"these settings cannot be used: {describe(error)}") from None


def _unknown(error: ValidationError) -> str:
    """A sentence about settings that do not exist, and what may have been meant; empty if all exist."""
    known = [row.name for row in describe_settings()]
    parts = []
    for item in error.errors(include_url=False, include_input=False):
        if item["type"] == "extra_forbidden":
            name = ".".join(str(part) for part in item["loc"])
            close = get_close_matches(name, known, n=1)
            parts.append(name + (f" (did you mean {close[0]}?)" if close else ""))
    if not parts:
        return ""
    return f"there is no setting {', '.join(parts)}; `rlhb reference` lists all of them"


def recipes() -> list[str]:
    """Names of the recipes that ship with the package."""
    folder = resources.files("rlhb_core") / "run" / "recipes"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """A recipe by name (or a path to a .toml file), with overrides laid over it.

    `overrides`: nested ({"ppo": {"kl": 0.1}}) or dotted ({"ppo.kl": 0.1}). Raises BadConfig.
    """
    file = (
        Path(name)
        if name.endswith(".toml")
        else resources.files("rlhb_core") / "run" / "recipes" / f"{name}.toml"
    )
    if not file.is_file():
        raise BadConfig(f"there is no recipe {name!r}; there are: {', '.join(recipes())}")
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"recipe {name!r} is not valid TOML: {error}") from None
    settings.setdefault("recipe", Path(name).stem)
    for key, value in _flat(overrides or {}):
        _set(settings, key.split("."), value)
    return parse_config(settings)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _set(settings: dict[str, Any], path: list[str], value: Any) -> None:
    *sections, name = path
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise BadConfig(f"there is no setting {'.'.join(path)!r}")
    settings[name] = value
