"""An iteration of PPO, ours against TRL 1.12: same model, prompts, batch, minibatches and epochs, in turn, one thread.

TRL trains once all weights, as it does by default, and once the same adapter as ours; the figures are against whichever
of the two needs less.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.bench.peers import trl_folder
from tests.bench.run import row
from tests.bench.turns import alternate
from tests.bench.work import write_model

PEER = "TRL 1.12 PPO"


def rows() -> list[dict[str, Any]]:
    """`ppo_cpu_s`, `rlhb_cpu_s` (with its discriminator, against PPO without), `ppo_samples_s`, `ppo_peak_mb`."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder))
        ppo, rlhb, full, lora = alternate(
            [
                ["tests.bench.ppo_worker", folder, "rlhf"],
                ["tests.bench.ppo_worker", folder, "rlhb"],
                ["tests.bench.trl_worker", folder, str(trl_folder()), "full"],
                ["tests.bench.trl_worker", folder, str(trl_folder()), "lora"],
            ]
        )
    cpu, peak = min(full.cpu_s, lora.cpu_s), min(full.peak_mb, lora.peak_mb)
    rate, peer_rate = ppo.units / ppo.cpu_s, full.units / cpu
    unit = "CPU-s per iteration"
    return [
        row("ppo_cpu_s", ppo.cpu_s, unit, PEER, cpu, cpu / ppo.cpu_s),
        row("rlhb_cpu_s", rlhb.cpu_s, unit, PEER, cpu, cpu / rlhb.cpu_s),
        row("ppo_samples_s", rate, "samples per CPU-s", PEER, peer_rate, rate / peer_rate),
        row("ppo_peak_mb", ppo.peak_mb, "MB", PEER, peak, peak / ppo.peak_mb),
        row("rlhb_peak_mb", rlhb.peak_mb, "MB", PEER, peak, peak / rlhb.peak_mb),
        row("trl_ppo_full_cpu_s", full.cpu_s, unit),
        row("trl_ppo_lora_cpu_s", lora.cpu_s, unit),
    ]
