"""The small models that ship with the package: where they lie and which there are.

`base/` is the generator before any alignment, a causal language model of our own trained from scratch by `build`;
beside it lie adapters, one folder per arm, trained on simulated annotators. Loads no weights.
"""

from __future__ import annotations

from pathlib import Path

from rlhb_core.errors import BadRecord
from rlhb_core.schema.records import EMBEDDED

_HERE = Path(__file__).parent
BASE = "base"


def base_path() -> Path:
    """The folder of the base generator, for `AutoModelForCausalLM.from_pretrained`."""
    return _HERE / BASE


def is_embedded(base: str) -> bool:
    """Whether a version's base is the shipped model, given by its name or by its folder."""
    return base == EMBEDDED or base == str(base_path())


def shipped_arms() -> list[str]:
    """The arms that have a trained version (an adapter folder) beside the base model, in order of their names."""
    return sorted(file.parent.name for file in _HERE.glob("*/adapter_config.json"))


def version_path(arm: str) -> Path:
    """The folder of one shipped version: `base` (or `sft`, its arm) or one of `shipped_arms()`."""
    if arm in {BASE, "sft"}:
        return base_path()
    if arm not in shipped_arms():
        known = ", ".join([BASE, *shipped_arms()])
        raise BadRecord(f"no version {arm!r} ships with the package; there are: {known}")
    return _HERE / arm


__all__ = ["BASE", "base_path", "is_embedded", "shipped_arms", "version_path"]
