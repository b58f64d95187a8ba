"""Base models that have a name of their own here, and where they lie. Loads nothing."""

from pathlib import Path

_KNOWN: dict[str, Path] = {}


def register(name: str, folder: Path) -> None:
    """Let this name stand for the model in this folder."""
    _KNOWN[name] = folder


def where(base: str) -> str:
    """What transformers loads for this base: a folder, or the name as it is."""
    return str(_KNOWN.get(base, base))
