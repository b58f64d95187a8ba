"""What is measured on a GPU runs on a CPU at a tiny size, so that it works on the day when there is one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def _run(part: str, out: Path) -> dict[str, Any]:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.bench.gpu",
            part,
            "--device",
            "cpu",
            "--tiny",
            "--out",
            str(out),
        ],
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads((out / f"{part}.json").read_text(encoding="utf-8"))
    return found


def test_speed_of_rollout_and_update_is_measured_beside_the_peer(tmp_path):
    tiny = _run("speed", tmp_path)["tiny"]
    assert set(tiny) == {"ours", "TRL's parts"}
    for pieces in tiny.values():
        assert all(pieces[name][0] > 0 for name in ("rollout", "update"))


def test_a_device_is_compared_with_the_cpu(tmp_path):
    found = _run("correctness", tmp_path)
    # here the device is the CPU itself
    same = found["log_probabilities_embedded"]["float32"]
    assert same["largest"] == 0
    assert same["same_draws"] == 1
    assert 0 < found["log_probabilities_embedded"]["bfloat16"]["mean"] < 0.05
    assert found["mixed_adapters_embedded"]["same"] == 1
    assert found["mixed_adapters_embedded"]["different_texts"] > 8
    trained = found["training_rlhf_float32"]
    assert trained["killed_at_step"] >= 2
    assert trained["resumed_returncode"] == 0
    assert trained["weights_apart"] == 0
