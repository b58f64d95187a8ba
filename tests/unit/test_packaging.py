"""What an installed package has: every file beside the code."""

import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PATTERNS: dict[str, list[str]] = PROJECT["tool"]["setuptools"]["package-data"]


def beside_the_code(package: str) -> set[Path]:
    """Files of a package that are not Python; links are followed."""
    return {
        Path(folder, name)
        for folder, _, names in os.walk(ROOT / package, followlinks=True)
        for name in names
        if not name.endswith((".py", ".pyc"))
    }


@pytest.mark.parametrize("package", ["app", "rlhb_core"])
def test_files_beside_the_code_are_packaged_and_no_pattern_is_idle(package: str) -> None:
    missing = beside_the_code(package)
    for pattern in PATTERNS[package]:
        named = missing & set((ROOT / package).glob(pattern))
        assert named, f"{pattern} names nothing that an earlier pattern does not"
        missing -= named
    assert not missing
