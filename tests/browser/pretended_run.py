"""A pretended training process: `python -m tests.browser.pretended_run FOLDER` logs a step every third of a second.

It keeps the contract of a run folder as a real one does, so that pages can be watched without training anything.
"""

import math
import sys
import time
from pathlib import Path

from rlhb_core.run.folder import RunDir

WARMUP, STEPS = 6, 600
SAMPLE = {"query": "What is the capital of Peru?", "behavior": "The reader liked it."}


def log_step(run: RunDir, number: int) -> None:
    """The rows of step `number` of the whole run, from 1."""
    if number <= WARMUP:
        run.append_metrics("warmup", number, number, {"warmup/loss": 2 - 0.1 * number})
        return
    step = number - WARMUP
    gap, wave = 0.3 * math.exp(-step / 25), 0.012 * math.sin(step)
    values = {
        "disc/calibrated_real": 0.5 + gap + wave,
        "disc/calibrated_fake": 0.5 - gap + wave,
        "disc/calibrated_accuracy": 0.5 + 0.9 * gap,
        "disc/power": 0.68 + wave,
        "disc/p_real": 0.44 + gap + wave,
        "disc/p_fake": 0.44 - gap + wave,
        "disc/acc_real": 0.5 + gap,
        "disc/acc_fake": 0.5 + 0.8 * gap,
        "disc/loss": 0.69 - gap,
        "disc/swap_auc": 0.66 - 0.3 * gap,
        "disc/length_auc": 0.53 + wave,
        "objective/rlhf_reward": 0.6 - 1.6 * gap + wave,
        "objective/reward": 0.7 - 1.6 * gap + wave,
        "objective/returns": 0.5 - 1.5 * gap,
        "objective/kl": 2.4 - 8 * gap,
        "objective/entropy": 1.4 + gap,
        "response/length": 18 + 20 * wave,
        "response/length_drift": 0.4 + 0.05 * step,
        "response/distinct_1": 0.3 - 0.1 * gap,
        "response/distinct_2": 0.6 - 0.1 * gap,
    }
    run.append_metrics("adversarial", step, number, values)
    if step % 10 == 0:
        run.append_samples(
            number, [{**SAMPLE, "response": f"The capital, said {step} times, is Lima."}]
        )


def log_rlhf_step(run: RunDir, number: int) -> None:
    """The rows of step `number` of a whole RLHF run, from 1."""
    if number <= WARMUP:
        accuracy, loss = 0.5 + 0.03 * number, 1.1 - 0.05 * number
        values = {
            "reward_model/accuracy": accuracy,
            "reward_model/loss": loss,
            "reward_model/held_out_loss": loss + 0.02,
        }
        run.append_metrics("reward_model", number, number, values)
        return
    step = number - WARMUP
    gap, wave = math.exp(-step / 25), 0.03 * math.sin(step)
    values = {
        "objective/scores": 1.2 - gap + wave,
        "objective/rlhf_reward": 0.9 - gap + wave,
        "objective/reward": 1.0 - gap + wave,
        "objective/returns": 0.5 - gap,
        "objective/kl": 3 - 3 * gap,
        "objective/entropy": 1.4 + 0.3 * gap,
        "loss/policy_avg": 3e-8 * math.sin(step),
        "policy/approxkl_avg": 4e-4 * (1 + wave),
        "loss/value_avg": 0.2 + gap,
        "critic/vf_explained_var": 0.6 - 0.5 * gap,
        "response/length": 18 + 20 * wave,
        "response/distinct_1": 0.3 - 0.1 * gap,
        "response/distinct_2": 0.6 - 0.1 * gap,
    }
    run.append_metrics("ppo", step, number, values)


def main() -> None:
    """Log steps until the end, or until asked to stop."""
    run = RunDir(Path(sys.argv[1]))
    run.begin()
    for number in range(len(run.metrics()) + 1, STEPS + 1):
        log_step(run, number)
        share, left = number / STEPS, (STEPS - number) / 3
        run.write_progress("adversarial", max(1, number - WARMUP), STEPS - WARMUP, share, left)
        with run.log.open("a") as log:
            log.write(f"step {number} done\n")
        if run.stop_requested():
            run.stopped()
            return
        time.sleep(1 / 3)


if __name__ == "__main__":
    main()
