"""A trained version as a folder: the adapter in PEFT format, what its teacher keeps, and version.json with its lineage.

Does not know how it was trained.
"""

import json
from pathlib import Path
from typing import Any

from rlhb_core import teachers
from rlhb_core.learning.session import POLICY, Session
from rlhb_core.run.folder import write_json
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Source

VERSION_FILE = "version.json"


def write_version(folder: Path, session: Session, result: dict[str, Any]) -> None:
    """Write the policy adapter and all facts of its lineage."""
    folder.mkdir(parents=True, exist_ok=True)
    session.trunk.save_adapter(POLICY, folder)
    config, split = session.config, session.split
    simulated = config.source is Source.SIMULATED
    write_json(
        folder / VERSION_FILE,
        {
            "arm": config.arm.value,
            "base": config.base,
            "parent_version": config.parent_version,
            "condition": split.condition,
            "clauses": list(config.data.clauses),
            "recipe": config.recipe,
            "seed": config.seed,
            "trained_on": "simulated annotators"
            if simulated
            else str(config.source or "mixed sources"),
            "triplets": len(split.train) + len(split.held_out),
            "comparisons": len(split.train_votes) + len(split.held_out_votes),
            "verdict": result["verdict"]["word"],
            "verdict_sentence": result["verdict"]["sentence"],
            "against_sft": against_sft(result),
            "created_ms": now_ms(),
        }
        | teachers.of(config.arm).keep(session, folder),
    )


def read_version(folder: Path) -> dict[str, Any]:
    """The lineage of a version's folder."""
    found: dict[str, Any] = json.loads((folder / VERSION_FILE).read_text(encoding="utf-8"))
    return found


def against_sft(result: dict[str, Any]) -> dict[str, Any] | None:
    """Win, tie and loss against the base model as the version is served, where that was measured."""
    evaluation = result.get("evaluation")
    if not evaluation:
        return None
    found: dict[str, Any] = evaluation["conditions"]["served"]["against_sft"]
    return found
