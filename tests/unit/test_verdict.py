"""Verdicts on constructed evidence: dead, collapsed, diverged, half-way and healthy runs."""

import math
from copy import deepcopy
from typing import Any

import pytest

from rlhb_core import teachers
from rlhb_core.schema.arms import Arm
from rlhb_core.verdict.checks import WORDS, Verdict


def judge_run(arm: Arm, found: dict[str, Any], kl_stop: float = math.inf) -> Verdict:
    """The verdict on evidence as it is stored."""
    return teachers.judge_run(arm, teachers.of(arm).evidence.model_validate(found), kl_stop)


def healthy() -> dict[str, Any]:
    """What an RLHB run looks like that may claim convergence."""
    return {
        "discriminated": {"accuracy": 0.67, "power": 0.69, "swap_auc": 0.72, "rows": 1000},
        "history": [iteration(0.62, 0.66, scores=-1.0)] * 40 + [iteration(0.51, 0.52)] * 10,
        "judges": {
            "origin": {"projection": 0.68, "reading": 0.69, "words": 0.61, "rows": 2000},
            "before": {"projection": 0.62, "reading": 0.63, "words": 0.58, "rows": 2000},
            "after": {"projection": 0.53, "reading": 0.55, "words": 0.52, "rows": 2000},
        },
    }


def iteration(real: float, accuracy: float, **changes: float) -> dict[str, float]:
    """One iteration's figures; the calibrated output on generated rows mirrors that on real ones."""
    raw = {
        "p_real": real - 0.1,
        "p_fake": 0.9 - real,
    }  # D leans to one side: the raw means say little
    calibrated = {"calibrated_real": real, "calibrated_fake": 1 - real}
    rest = {"calibrated_accuracy": accuracy, "distinct": 0.9, "length_drift": 0.1, "scores": 0.0}
    return raw | calibrated | rest | changes


def rlhb(**changes: Any) -> Verdict:
    return judge_run(Arm.RLHB, healthy() | changes)


def judges(part: str, **accuracies: float) -> dict[str, Any]:
    found = deepcopy(healthy()["judges"])
    found[part] |= accuracies
    return {"judges": found}


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def test_a_healthy_run_has_converged() -> None:
    verdict = rlhb()
    assert verdict.word == "converged"
    assert failed(verdict) == set()
    assert all(check.sentence.endswith((".", ").")) for check in verdict.checks)


def test_a_dead_discriminator_never_discriminated_though_it_looks_converged() -> None:
    found = {"accuracy": 0.505, "power": 0.5, "rows": 1000}
    verdict = rlhb(discriminated=found, history=[iteration(0.5, 0.5)] * 50)
    assert verdict.word == "never discriminated"
    assert "it once discriminated" in failed(verdict)


def test_a_discriminator_blind_to_behaviour_never_discriminated() -> None:
    verdict = rlhb(discriminated={"accuracy": 0.67, "power": 0.51, "rows": 1000})
    assert verdict.word == "never discriminated"
    assert failed(verdict) == {"it saw the behaviour"}


def test_accuracy_on_few_rows_proves_nothing() -> None:
    found = {"accuracy": 0.67, "power": 0.69, "rows": 20}
    assert rlhb(discriminated=found).word == "never discriminated"


def test_a_discriminator_that_died_on_the_way_collapsed() -> None:
    verdict = rlhb(**judges("after", projection=0.68, reading=0.69, words=0.61))
    assert verdict.word == "collapsed"
    assert "fresh judges tell the answers apart as well as at the start" in verdict.sentence


@pytest.mark.parametrize("output", [0.97, 0.03])
def test_a_discriminator_that_says_the_same_of_everything_collapsed(output: float) -> None:
    stuck = iteration(0.5, 0.5, p_real=output + 0.005, p_fake=output - 0.005)
    verdict = rlhb(history=[iteration(0.62, 0.66)] * 40 + [stuck] * 10)
    assert verdict.word == "collapsed"
    assert failed(verdict) == {"it did not settle at one end"}


def test_a_discriminator_that_leans_is_judged_by_its_calibrated_output() -> None:
    leaning = iteration(0.51, 0.52, p_real=0.47, p_fake=0.35)
    assert rlhb(history=[iteration(0.62, 0.66)] * 40 + [leaning] * 10).word == "converged"


def test_answers_that_became_all_the_same_collapsed() -> None:
    same = iteration(0.51, 0.52, distinct=0.05)
    verdict = rlhb(history=[iteration(0.62, 0.66)] * 40 + [same] * 10)
    assert verdict.word == "collapsed"
    assert "answers stayed diverse" in failed(verdict)


def test_a_run_that_ran_away_diverged() -> None:
    verdict = rlhb(diverged="the mean KL per response reached 50 nats")
    assert verdict.word == "diverged"
    assert "50 nats" in verdict.sentence
    assert judge_run(Arm.RLHF, {"diverged": "x"}).word == "diverged"


def test_a_discriminator_that_still_sees_a_difference_has_not_converged() -> None:
    verdict = rlhb(history=[iteration(0.58, 0.58)] * 50)
    assert verdict.word == "not converged yet"
    assert {"ends confused on logged triplets", "ends at chance"} <= failed(verdict)


def test_a_judge_that_is_wrong_too_often_is_not_confused() -> None:
    assert rlhb(**judges("after", projection=0.46)).word == "converged"
    verdict = rlhb(**judges("after", projection=0.41))
    assert verdict.word == "not converged yet"
    assert any("tells 59.0% of the final answers" in check.sentence for check in verdict.checks)


@pytest.mark.parametrize("kind", ["projection", "reading", "words"])
def test_one_fresh_judge_is_enough_to_object(kind: str) -> None:
    verdict = rlhb(**judges("after", **{kind: 0.575}))
    assert verdict.word == "not converged yet"


def test_a_large_base_model_is_judged_without_the_reading_judge() -> None:
    found = healthy()["judges"]
    for part in found.values():
        del part["reading"]
    assert rlhb(judges=found).word == "converged"


def test_the_credit_goes_to_the_warm_up_if_the_adversarial_stage_changed_nothing() -> None:
    verdict = rlhb(**judges("before", projection=0.53, reading=0.57, words=0.52))
    assert verdict.word == "not converged yet"
    assert failed(verdict) == {"the adversarial stage did it"}
    assert "warm-up deserves the credit" in verdict.sentence


def test_judges_that_cannot_judge_prove_nothing() -> None:
    evidence = {
        part: {"projection": 0.5, "words": 0.51, "rows": 2000}
        for part in ("origin", "before", "after")
    }
    verdict = rlhb(judges=evidence)
    assert verdict.word == "not converged yet"
    assert "fresh judges can judge" in failed(verdict)


def test_the_adversarial_stage_must_make_a_difference_worth_the_name() -> None:
    """With ever so many rows, 0.03 less for the judge that sees most."""
    found = healthy()["judges"]
    for part in found.values():
        part["rows"] = 1_000_000
    found["before"]["reading"] = found["after"]["reading"] + 0.029
    assert failed(rlhb(judges=found)) == {"the adversarial stage did it"}
    found["before"]["reading"] = found["after"]["reading"] + 0.031
    assert rlhb(judges=found).word == "converged"


@pytest.mark.parametrize(("rows", "bar", "enough"), [(200, "0.100", False), (800, "0.050", True)])
def test_a_drop_that_few_rows_may_show_by_chance_is_no_credit(
    rows: int, bar: str, enough: bool
) -> None:
    """The keenest judge loses 0.08; two standard errors of a difference of two accuracies are 2 * sqrt(2) * 0.5 /
    sqrt(rows).
    """
    found = deepcopy(healthy()["judges"])
    for part in found.values():
        part["rows"] = rows
    verdict = rlhb(judges=found)
    credit = next(each for each in verdict.checks if each.name == "the adversarial stage did it")
    assert (credit.bar, credit.passed) == (f"above {bar}", enough)
    assert verdict.word == ("converged" if enough else "not converged yet")


def lengthened(drift: float) -> list[dict[str, float]]:
    """Scores rise; the answers become longer, or shorter."""
    longer = iteration(0.51, 0.52, length_drift=drift, scores=1.0)
    return [iteration(0.62, 0.66, scores=-1.0)] * 40 + [longer] * 10


@pytest.mark.parametrize("drift", [3.5, -3.5])
def test_a_score_that_length_alone_has_raised_is_a_reward_hack(drift: float) -> None:
    unmoved = judges("after", projection=0.63, reading=0.64, words=0.62)
    verdict = rlhb(history=lengthened(drift), **unmoved)
    assert verdict.word == "reward hacked"
    assert "from -1.00 to 1.00" in verdict.sentence
    assert f"3.5 spreads {'above' if drift > 0 else 'below'}" in verdict.sentence
    assert "fresh judges saw no gain" in verdict.sentence


def test_longer_answers_that_fresh_judges_take_for_logged_ones_are_no_hack() -> None:
    assert rlhb(history=lengthened(3.5)).word == "converged"
    assert rlhb(history=lengthened(0.5), **judges("after", reading=0.64)).word != "reward hacked"


def test_no_evidence_is_no_convergence() -> None:
    assert judge_run(Arm.RLHB, {}).word == "never discriminated"
    assert judge_run(Arm.RLHF, {}).word == "no gain"


def paired(rate: float, low: float, high: float) -> dict[str, Any]:
    return {"win_rate": rate, "interval": [low, high], "n": 600}


def rlhf(words: dict[str, Any], evidence: dict[str, Any] | None = None, **changes: Any) -> Verdict:
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
    found = {"reward_model": model, "gain": gain | changes}
    return judge_run(Arm.RLHF, found | (evidence or {}))


def test_rlhf_improves_only_by_another_judge() -> None:
    assert rlhf(paired(0.65, 0.61, 0.69)).word == "improved"
    assert rlhf(paired(0.51, 0.47, 0.55)).word == "no gain"
    assert rlhf(paired(0.40, 0.36, 0.44)).word == "reward hacked"


def test_rlhf_that_pays_for_length_is_reward_hacking() -> None:
    evidence = {
        "history": [{"scores": 0.0, "length_drift": 0.0}, {"scores": 2.0, "length_drift": 4.0}]
    }
    no_gain = rlhf(paired(0.51, 0.47, 0.55), evidence)
    assert no_gain.word == "reward hacked"
    assert "4.0 spreads above" in no_gain.sentence
    assert "no other judge saw a gain" in no_gain.sentence  # nobody asked a fresh judge
    assert "fresh" not in no_gain.sentence
    assert rlhf(paired(0.65, 0.61, 0.69), evidence).word == "improved"  # another judge agrees


def test_rlhf_with_answers_cut_off_is_reward_hacking() -> None:
    verdict = rlhf(paired(0.65, 0.61, 0.69), truncated=0.5)
    assert verdict.word == "reward hacked"
    assert "50% of the answers were cut off" in verdict.sentence


@pytest.mark.parametrize(
    ("gain", "value", "bar"),
    [
        ({}, 1.0, "at least 0.3 as diverse"),
        ({"unlikely": 0.53}, 0.53, "at most 0.25 unlike any answer of the base model"),
        ({"truncated": 0.5}, 0.5, "at most 0.2 cut off"),
        ({"distinct": 0.1}, 0.1, "at least 0.3 as diverse"),
    ],
)
def test_the_number_beside_a_check_is_the_one_that_fails_it(
    gain: dict[str, Any], value: float, bar: str
) -> None:
    checks = rlhf(
        paired(0.65, 0.61, 0.69), **{"distinct": 1.0, "distinct_origin": 1.0, **gain}
    ).checks
    check = next(each for each in checks if each.name == "answers stayed whole and diverse")
    assert (check.value, check.bar) == (value, bar)
    assert check.passed == (not gain)


def test_garbled_answers_are_no_gain_whatever_a_judge_on_words_says() -> None:
    assert rlhf(paired(0.65, 0.61, 0.69), unlikely=0.05).word == "improved"
    verdict = rlhf(paired(0.65, 0.61, 0.69), unlikely=0.53)
    assert verdict.word == "reward hacked"
    assert "53% are less likely under the base model" in verdict.sentence
    # DPO with too little beta, as it happened: no reward to hack, and no gain either
    gain = {"words": paired(0.68, 0.64, 0.72), "words_accuracy": 0.6, "words_pairs": 900}
    assert judge_run(Arm.DPO, {"gain": gain | {"unlikely": 0.05}}).word == "improved"
    assert judge_run(Arm.DPO, {"gain": gain | {"unlikely": 0.53}}).word == "no gain"
    # ORPO as it happened: a narrow lead, and one answer in five garbled
    narrow = gain | {"words": paired(0.565, 0.538, 0.589)}
    assert judge_run(Arm.ORPO, {"gain": narrow | {"unlikely": 0.055}}).word == "improved"
    verdict = judge_run(Arm.ORPO, {"gain": narrow | {"unlikely": 0.192}})
    assert verdict.word == "no gain"
    assert "is 13% of the answers; 14% more than before" in verdict.sentence
    # as many unlike answers weigh less against a clear lead
    assert judge_run(Arm.DPO, {"gain": gain | {"unlikely": 0.192}}).word == "improved"


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
