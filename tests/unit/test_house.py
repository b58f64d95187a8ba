"""The plan of the house: who may know of whom."""

import ast
from pathlib import Path

from rlhb_core.schema.arms import ARMS

ROOT = Path(__file__).parents[2]
KNOW_THEM = ("rlhb_core/teachers", "rlhb_core/reproduction", "rlhb_core/world/embedded")
"""The teachers themselves; experiments, and what was shipped of them, name arms as their subject."""
NAMES = {str(arm) for arm in ARMS} | {
    *("reward_model", "classifier", "discriminator", "preference"),
    *("warmup", "ppo", "adversarial"),
}


def branches(tree: ast.AST) -> list[str]:
    """What is compared or matched with the name of an arm, a teacher or a stage."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            parts = [node.args[1]]
        else:
            continue
        for part in (each for whole in parts for each in ast.walk(whole)):
            named = isinstance(part, ast.Constant) and part.value in NAMES
            if named or (isinstance(part, ast.Attribute) and part.attr.lower() in NAMES):
                found.append(ast.unparse(node))
            if isinstance(part, ast.Name) and part.id.endswith("Stage"):
                found.append(ast.unparse(node))
    return found


def test_nothing_but_teachers_branches_on_the_name_of_an_arm_a_teacher_or_a_stage():
    files = [*ROOT.glob("rlhb_core/**/*.py"), *ROOT.glob("app/**/*.py")]
    found = {
        name: branches(ast.parse(file.read_text(encoding="utf-8")))
        for file in files
        if not (name := file.relative_to(ROOT).as_posix()).startswith(KNOW_THEM)
    }
    assert {name: these for name, these in found.items() if these} == {}


def test_few_modules_stand_in_the_core_itself():
    assert len(list((ROOT / "rlhb_core").iterdir())) <= 14
    modules = list((ROOT / "rlhb_core").glob("*.py"))
    assert len(modules) <= 12


def test_few_modules_stand_in_the_app_itself():
    """What belongs together has a room, whose door says what it is for and what the others may use."""
    assert len(list((ROOT / "app").glob("*.py"))) <= 14
    for room in (
        "comparing",
        "crowd",
        "files",
        "rendering",
        "runs",
        "serving",
        "store",
        "transfers",
        "ui",
    ):
        door = ast.parse((ROOT / "app" / room / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(door), room
        assert any(ast.unparse(each).startswith("__all__") for each in door.body), room
