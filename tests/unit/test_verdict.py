"""Verdicts on constructed evidence: dead, collapsed, diverged, half-way and healthy runs."""

from copy import deepcopy
from typing import Any

import pytest

from rlhb_core.records import Arm
from rlhb_core.verdict import WORDS, Verdict, judge_run


def healthy() -> dict[str, Any]:
    """What an RLHB run looks like that may claim convergence."""
    early = {"p_real": 0.62, "p_fake": 0.41, "accuracy": 0.66, "distinct": 0.9}
    late = {"p_real": 0.51, "p_fake": 0.49, "accuracy": 0.52, "distinct": 0.85}
    return {
        "discriminated": {"accuracy": 0.67, "swap_auc": 0.72, "rows": 1000},
        "history": [early] * 40 + [late] * 10,
        "judges": {
            "origin": {"projection": 0.68, "words": 0.61, "rows": 1200},
            "before": {"projection": 0.62, "words": 0.58, "rows": 1200},
            "after": {"projection": 0.53, "words": 0.52, "rows": 1200},
        },
    }


def rlhb(**changes: Any) -> Verdict:
    return judge_run(Arm.RLHB, healthy() | changes)


def judges(part: str, projection: float, words: float) -> dict[str, Any]:
    found = deepcopy(healthy()["judges"])
    found[part] |= {"projection": projection, "words": words}
    return {"judges": found}


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def test_a_healthy_run_has_converged() -> None:
    verdict = rlhb()
    assert verdict.word == "converged"
    assert failed(verdict) == set()
    assert all(check.sentence.endswith((".", ").")) for check in verdict.checks)


def test_a_dead_discriminator_never_discriminated_though_it_looks_converged() -> None:
    dead = {"p_real": 0.5, "p_fake": 0.5, "accuracy": 0.5, "distinct": 0.9}
    found = {"accuracy": 0.505, "swap_auc": 0.5, "rows": 1000}
    verdict = rlhb(discriminated=found, history=[dead] * 50)
    assert verdict.word == "never discriminated"
    assert "it once discriminated" in failed(verdict)


def test_a_discriminator_blind_to_behaviour_never_discriminated() -> None:
    verdict = rlhb(discriminated={"accuracy": 0.67, "swap_auc": 0.51, "rows": 1000})
    assert verdict.word == "never discriminated"
    assert failed(verdict) == {"it saw the behaviour"}


def test_accuracy_on_few_rows_proves_nothing() -> None:
    found = {"accuracy": 0.67, "swap_auc": 0.72, "rows": 20}
    assert rlhb(discriminated=found).word == "never discriminated"


def test_a_discriminator_that_died_on_the_way_collapsed() -> None:
    assert rlhb(**judges("after", 0.69, 0.61)).word == "collapsed"


def test_answers_that_became_all_the_same_collapsed() -> None:
    history = healthy()["history"]
    for row in history[-10:]:
        row_of_one = dict(row, distinct=0.05)
        history[history.index(row)] = row_of_one
    verdict = rlhb(history=history[:40] + [dict(history[-1], distinct=0.05)] * 10)
    assert verdict.word == "collapsed"
    assert "answers stayed diverse" in failed(verdict)


def test_a_run_that_ran_away_diverged() -> None:
    verdict = rlhb(diverged="the mean KL per response reached 50 nats")
    assert verdict.word == "diverged"
    assert "50 nats" in verdict.sentence
    assert judge_run(Arm.RLHF, {"diverged": "x"}).word == "diverged"


def test_a_discriminator_that_still_sees_a_difference_has_not_converged() -> None:
    late = {"p_real": 0.58, "p_fake": 0.43, "accuracy": 0.58, "distinct": 0.9}
    verdict = rlhb(history=[late] * 50)
    assert verdict.word == "not converged yet"
    assert {"ends confused on logged triplets", "ends at chance"} <= failed(verdict)


@pytest.mark.parametrize(("projection", "words"), [(0.60, 0.52), (0.53, 0.58)])
def test_one_fresh_judge_is_enough_to_object(projection: float, words: float) -> None:
    assert rlhb(**judges("after", projection, words)).word == "not converged yet"


def test_the_credit_goes_to_the_warm_up_if_the_adversarial_stage_changed_nothing() -> None:
    verdict = rlhb(**judges("before", 0.53, 0.52))
    assert verdict.word == "not converged yet"
    assert failed(verdict) == {"the adversarial stage did it"}
    assert "warm-up deserves the credit" in verdict.sentence


def test_judges_that_cannot_judge_prove_nothing() -> None:
    evidence = {
        part: {"projection": 0.5, "words": 0.51, "rows": 1200}
        for part in ("origin", "before", "after")
    }
    verdict = rlhb(judges=evidence)
    assert verdict.word == "not converged yet"
    assert "fresh judges can judge" in failed(verdict)


def test_no_evidence_is_no_convergence() -> None:
    assert judge_run(Arm.RLHB, {}).word == "never discriminated"
    assert judge_run(Arm.RLHF, {}).word == "no gain"


def paired(rate: float, low: float, high: float) -> dict[str, Any]:
    return {"win_rate": rate, "interval": [low, high], "n": 600}


def rlhf(words: dict[str, Any], **changes: Any) -> Verdict:
    gain = {
        "reward": paired(0.8, 0.77, 0.83),
        "words": words,
        "words_accuracy": 0.6,
        "words_pairs": 900,
        "truncated": 0.01,
        "distinct": 0.8,
        "distinct_origin": 0.9,
    }
    model = {"accuracy": 0.77, "pairs": 900}
    return judge_run(Arm.RLHF, {"reward_model": model, "gain": gain | changes})


def test_rlhf_improves_only_by_another_judge() -> None:
    assert rlhf(paired(0.65, 0.61, 0.69)).word == "improved"
    assert rlhf(paired(0.51, 0.47, 0.55)).word == "no gain"
    assert rlhf(paired(0.40, 0.36, 0.44)).word == "reward hacked"


def test_rlhf_with_answers_cut_off_is_reward_hacking() -> None:
    verdict = rlhf(paired(0.65, 0.61, 0.69), truncated=0.5)
    assert verdict.word == "reward hacked"
    assert "50% of the answers were cut off" in verdict.sentence


def rlhbc(gained: float, **changes: Any) -> Verdict:
    classifier = {"gained": gained, "error": 0.01, "rows": 900}
    gain = {
        "reward": paired(0.8, 0.77, 0.83),
        "words": paired(0.65, 0.61, 0.69),
        "words_accuracy": 0.6,
        "words_pairs": 900,
        "words_drawn": True,
    }
    return judge_run(Arm.RLHBC, {"classifier": classifier, "gain": gain | changes})


def test_rlhbc_is_judged_as_rlhf_is_but_for_what_its_classifier_must_know() -> None:
    assert rlhbc(0.1).word == "improved"
    assert rlhbc(0.1, words=paired(0.40, 0.36, 0.44)).word == "reward hacked"
    assert rlhbc(0.015).word == "no gain"  # within two standard errors of knowing nothing
    assert "held-out pairs of behaviours" in next(
        check.sentence for check in rlhbc(0.1).checks if check.name == "the other judge can judge"
    )


def test_every_verdict_has_its_sentence() -> None:
    found = {rlhb().word, rlhf(paired(0.65, 0.61, 0.69)).word}
    assert found <= WORDS.keys()
    assert rlhb().as_json()["checks"][0].keys() == {"name", "value", "bar", "passed", "sentence"}


@pytest.mark.parametrize("arm", [Arm.RLHB, Arm.RLHF, Arm.RLHBC])
def test_what_was_not_measured_is_said_to_be_so(arm: Arm) -> None:
    verdict = judge_run(arm, {})
    assert verdict.word in WORDS
    without_rows = [check for check in verdict.checks if check.bar == "not measured"]
    assert len(without_rows) == (4 if arm is Arm.RLHB else 2)
    assert {check.value for check in without_rows} == {None}
    assert not any(check.passed for check in without_rows)
    assert not any("1.500" in check.bar or "1.414" in check.bar for check in verdict.checks)
    assert not any("0 held-out" in check.sentence for check in verdict.checks)
