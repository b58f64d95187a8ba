"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.reference import reference
from rlhb_core.run.config import describe_settings
from rlhb_core.run.metrics import METRICS
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import Triplet

ROOT = Path(__file__).parents[2]


def test_the_reference_is_what_the_code_says():
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == reference(), "run: rlhb reference > docs/reference.md"


def test_every_sentence_is_there():
    for name, _, sentence in describe_settings():
        assert sentence.endswith("."), name
    for metric in METRICS.values():
        assert metric.sentence.endswith("."), metric.name


@pytest.mark.parametrize("record", [Triplet, BehaviorFeatures])
def test_exported_fields_are_in_the_reference(record: type[Record]):
    page = reference()
    for name in record.model_fields:
        assert f"| `{name}` |" in page


def test_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`?rlhb ([a-z]+)", readme))
    runner = CliRunner()
    for name in named:
        assert runner.invoke(cli, [name, "--help"]).exit_code == 0, name
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z]+)`", readme)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_paths_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", readme):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(("package", "end"), [("app", "rlhb_core"), ("rlhb_core", "static")])
def test_every_module_has_its_place_in_the_tree(package: str, end: str):
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tree = guide[guide.index(f"\n{package}/ ") : guide.index(f"\n{end}/ ")]
    named = set(re.findall(r"[a-z_]+(?:\.py|/)", tree))
    modules = {file.name for file in (ROOT / package).glob("*.py") if file.stem != "__init__"}
    packages = {f"{file.parent.name}/" for file in (ROOT / package).glob("*/__init__.py")}
    assert modules | packages <= named
    assert {name for name in named if name.endswith(".py")} - modules <= {"shell.py"}
