"""A new kind of signal, made as CONTRIBUTING tells: an entry, and the feature and clause that it brings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

USED = """
from app.export import triplet_lines
from app.reference import reference
from app.store import Store, signals
from app.ui.assets import passive_kinds
from rlhb_core.schema.records import Triplet
from tests.integration.test_export_import import EVERYTHING, triplets_of
from tests.scene import act, asked, someone
import sys

store = Store.open(f"sqlite:///{sys.argv[1]}/new.sqlite")
with store.session() as session:
    person = someone(session)
    query, (kept, other, _) = asked(session, person)
    signals.record(session, person.id, [act("keep", query, kept)])
found = {each.response_id: each for each in triplets_of(store)}
print(found[kept.id].behavior_text, found[kept.id].behavior_features.kept)
print(found[other.id].behavior_text, found[other.id].behavior_features.kept)
print("keep" in passive_kinds(), "| `keep` | one response | on purpose |" in reference())
store.close()
"""


def insert(path: Path, before: str, text: str) -> None:
    """Put a text before the only place where another one stands."""
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1, before
    path.write_text(source.replace(before, text + before), encoding="utf-8")


def test_a_new_kind_is_recorded_told_exported_and_documented(tmp_path: Path) -> None:
    for part in ("app", "rlhb_core", "tests", "static"):
        leave_out = shutil.ignore_patterns("__pycache__", "browser", "bench", "*.safetensors")
        shutil.copytree(ROOT / part, tmp_path / part, symlinks=True, ignore=leave_out)
    schema = tmp_path / "rlhb_core" / "schema"
    insert(schema / "signals.py", "    EDIT = ", '    KEEP = "keep"\n')
    entry = 'SignalKind.KEEP: Kind(payloads.Empty, explicit=True, effect=_marked("kept"))'
    insert(schema / "signals.py", "    SignalKind.EDIT: Kind(", f"    {entry},\n")
    insert(schema / "features.py", "    edited: bool", "    kept: bool = False\n")
    clause = 'Clause("kept", (None, "kept it"), (0.0, 0.5), "Kept.", lambda found: int(found.kept))'
    insert(schema / "features.py", '    Clause(\n        "edited"', f"    {clause},\n")
    done = subprocess.run(
        [sys.executable, "-c", USED, str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "The reader kept it. True",
        "The reader did nothing with it. False",
        "False True",
    ], done.stderr
