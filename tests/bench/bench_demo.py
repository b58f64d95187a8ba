"""How long the whole story takes, and what it comes to: `make demo`, which leaves its report to be read."""

import json
from pathlib import Path
from typing import Any

from app.demo import run_demo
from tests.bench.run import row


def rows() -> list[dict[str, Any]]:
    """demo_minutes, and the win rate of every arm against SFT by hidden utility."""
    report = run_demo(Path("demo"))
    results = json.loads((report.parent / "results.json").read_text(encoding="utf-8"))
    measured = [row("demo_minutes", results["minutes"], "minutes")]
    for arm, numbers in results["arms"].items():
        win_rate = numbers["against_sft"]["win_rate"]
        measured.append(
            row(f"demo_win_{arm}_sft", win_rate, "win rate", "chance", 0.5, win_rate / 0.5)
        )
    return measured
