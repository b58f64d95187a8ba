"""The honest verdict on a run: a pure function of the evidence stored with it.

A discriminator that never learned anything answers 0.5 as well. So an RLHB run is called converged only if it once
discriminated, ends confused, fresh judges agree, and the adversarial stage did it. A run of any other arm is called
improved only by a judge that did not supply the reward. Every check carries its value, its bar and a sentence.
Knows no models: the evidence is gathered in `judging.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rlhb_core.arms import ARMS, Teacher
from rlhb_core.records import Arm

BAND = 0.05
"""Full confusion: mean calibrated outputs within 0.5 +- this."""
CONFUSED = 0.56
"""A discriminator at or below this accuracy, once calibrated, is confused."""
NEAR_CHANCE = 0.57
"""A fresh judge, which is stronger, at or below this accuracy is confused."""
DROP = 0.03
"""A fresh judge must lose so much accuracy by the adversarial stage, for that stage to have done it."""
ONE_SIDED = 0.9
"""A discriminator whose raw output exceeds this on everything, or falls below 1 - this, has collapsed."""
LENGTH_DRIFT = 2.0
"""Mean length of the answers away from the logged ones', in their spread, that is far beyond."""
LAST_PART = 5
"""The ending of a run is its last fifth."""
ROWS_FLOOR = 30
"""Fewer rows than these say nothing."""
UNLIKELY = 0.25
"""Share of answers that may be less likely under the base model than all but 5 % of the start's: 5 % are if nothing changed."""
DISTINCT_FLOOR = 0.3
"""Share of the start's diversity below which the responses have collapsed."""

WORDS = {
    "converged": "It once discriminated, ends confused, fresh judges agree, and the adversarial stage did it.",
    "not converged yet": "The discriminator, or a fresh judge, still tells generated answers from logged ones, "
    "or nothing shows that the adversarial stage made the difference.",
    "never discriminated": "The discriminator could not tell logged from generated triplets to begin with: "
    "its 0.5 means nothing.",
    "collapsed": "The discriminator or the answers gave way: what it says means nothing any more.",
    "diverged": "The policy ran away from its start and the run was stopped.",
    "improved": "A judge that did not supply the reward prefers the new answers.",
    "no gain": "No judge outside the reward shows a gain.",
    "reward hacked": "The reward rose while judges that did not supply it saw no gain: the reward was gamed.",
}
"""Every verdict and what it means."""


@dataclass(frozen=True)
class Check:
    """One condition: what was measured, against what, and what it means."""

    name: str
    value: float | None
    bar: str
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """The verdict in a word, its reason in a sentence, and the checks behind it."""

    word: str
    sentence: str
    checks: list[Check] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As stored in result.json."""
        return asdict(self)


Evidence = Mapping[str, Any]


def judge_run(arm: Arm, evidence: Evidence, kl_stop: float = math.inf) -> Verdict:
    """The verdict on a run of this arm."""
    if "diverged" in evidence:
        sentence = f"{WORDS['diverged']} {str(evidence['diverged']).capitalize()}."
        check = Check("stayed near its start", None, f"KL at most {kl_stop:g}", False, sentence)
        return Verdict("diverged", sentence, [check])
    teacher = ARMS[arm].teacher
    if teacher is Teacher.DISCRIMINATOR:
        return judge_rlhb(evidence)
    return judge_improvement(evidence, teacher)


# --- RLHB -----------------------------------------------------------------------------------------


JUDGES = {
    "projection": "with D's features",
    "reading": "that reads the triplet",
    "words": "on words alone",
}
"""Kinds of fresh judges, and how they are told apart in a sentence."""
OPTIONAL = frozenset({"reading"})
"""Judges that are left out on large base models."""


def judge_rlhb(evidence: Evidence) -> Verdict:
    """Converged, not converged yet, never discriminated, collapsed, or reward hacked.

    Evidence: `discriminated` {accuracy, power, rows} after pretraining; `history` rows of {p_real, p_fake,
    calibrated_real, calibrated_fake, calibrated_accuracy, distinct, length_drift, scores}, one per iteration; `judges`
    {origin, before, after} -> {projection, reading, words: accuracies, rows}.
    """
    once = _once_discriminated(evidence)
    saw_behaviour = _saw_behaviour(evidence)
    two_sided = _two_sided(evidence)
    diverse = _stayed_diverse(evidence)
    confused = _ends_confused(evidence)
    separable = _judges_separate_origin(evidence)
    agree = _fresh_judges_agree(evidence)
    credit = _adversarial_stage_did_it(evidence)
    checks = [once, saw_behaviour, two_sided, *confused, separable, *agree, credit, diverse]
    for needed in (once, saw_behaviour):
        if not needed.passed:
            return _verdict("never discriminated", needed.sentence, checks)
    for needed in (two_sided, diverse):
        if needed.value is not None and not needed.passed:
            return _verdict("collapsed", needed.sentence, checks)
    gamed = _gamed_by_length(evidence)
    if gamed and not _judges_fell(evidence):
        return _verdict("reward hacked", gamed, checks)
    if _died(evidence, confused):
        reason = (
            "It ends near 0.5 although fresh judges tell the answers apart as well as at the start."
        )
        return _verdict("collapsed", reason, checks)
    if all(check.passed for check in checks):
        return _verdict("converged", credit.sentence, checks)
    missing = next(check for check in checks if not check.passed)
    reasons = dict.fromkeys([missing.sentence, _credit_sentence(evidence)])
    return Verdict("not converged yet", " ".join(filter(None, reasons)), checks)


def _verdict(word: str, reason: str, checks: list[Check]) -> Verdict:
    return Verdict(word, f"{WORDS[word]} {reason}", checks)


def _once_discriminated(evidence: Evidence) -> Check:
    return _before_training(
        evidence,
        "it once discriminated",
        "accuracy",
        "Before the adversarial stage the discriminator told {value:.0%} of {rows} held-out triplets right",
    )


def _saw_behaviour(evidence: Evidence) -> Check:
    return _before_training(
        evidence,
        "it saw the behaviour",
        "power",
        "It told {value:.0%} of held-out triplets from the same with another behaviour right",
    )


def _before_training(evidence: Evidence, name: str, figure: str, sentence: str) -> Check:
    """A figure of the discriminator on held-out triplets that must lie above chance before the adversarial stage."""
    found = evidence.get("discriminated") or {}
    rows = int(found.get("rows", 0))
    if not rows:
        return Check(
            name,
            None,
            _above(0.0, 0),
            False,
            "It was not measured: there were no held-out triplets.",
        )
    value, bar = float(found.get(figure, 0.5)), 0.5 + 2 * standard_error(rows)
    passed = rows >= ROWS_FLOOR and value > bar
    said = sentence.format(value=value, rows=rows)
    said += "." if passed else ", which is no better than chance."
    return Check(name, value, _above(bar, rows), passed, said)


def _two_sided(evidence: Evidence) -> Check:
    last = ending(evidence.get("history") or [])
    outputs = [_mean([row[name] for row in last if name in row]) for name in ("p_real", "p_fake")]
    found = [output for output in outputs if output is not None]
    least, most = min(found, default=0.5), max(found, default=0.5)
    passed = bool(found) and least < ONE_SIDED and most > 1 - ONE_SIDED
    return Check(
        "it did not settle at one end",
        _mean(found),
        f"between {1 - ONE_SIDED:.1f} and {ONE_SIDED:.1f}",
        passed,
        "Nothing was measured in the last fifth of the iterations."
        if not found
        else f"In the last fifth its raw output is {least:.2f} to {most:.2f} for logged and generated triplets"
        + (" alike." if abs(most - least) < 2 * BAND or not passed else "."),
    )


def _ends_confused(evidence: Evidence) -> list[Check]:
    last = ending(evidence.get("history") or [])
    unknown = "Nothing was measured in the last fifth of the iterations."
    checks = []
    for name, kind in {"calibrated_real": "logged", "calibrated_fake": "generated"}.items():
        value = _mean([row[name] for row in last if name in row])
        checks.append(
            Check(
                f"ends confused on {kind} triplets",
                value,
                f"within 0.5 +- {BAND}",
                value is not None and abs(value - 0.5) <= BAND,
                unknown
                if value is None
                else f"In the last fifth its mean calibrated output on held-out {kind} triplets is {value:.2f}.",
            )
        )
    accuracy = _mean([row["calibrated_accuracy"] for row in last if "calibrated_accuracy" in row])
    checks.append(
        Check(
            "ends at chance",
            accuracy,
            f"at most {CONFUSED}",
            accuracy is not None and accuracy <= CONFUSED,
            unknown
            if accuracy is None
            else f"In the last fifth it tells {accuracy:.1%} of held-out triplets right, once calibrated.",
        )
    )
    return checks


def _judges_separate_origin(evidence: Evidence) -> Check:
    found = _judges(evidence, "origin")
    best = max(found.values(), default=None)
    rows = _rows(evidence)
    bar = 0.5 + 2 * standard_error(rows)
    return Check(
        "fresh judges can judge",
        best,
        _above(bar, rows),
        best is not None and best > bar,
        "No fresh judge was trained."
        if best is None
        else f"The best fresh judge tells {best:.1%} of the answers of the starting version from logged ones.",
    )


def _fresh_judges_agree(evidence: Evidence) -> list[Check]:
    found = _judges(evidence, "after")
    return [
        Check(
            f"fresh judge {words} is near chance",
            found.get(kind),
            f"at most {NEAR_CHANCE}",
            kind in found and found[kind] <= NEAR_CHANCE,
            f"A fresh judge {words} tells {found[kind]:.1%} of the final answers from logged ones."
            if kind in found
            else f"No fresh judge {words} was trained.",
        )
        for kind, words in JUDGES.items()
        if kind in found or kind not in OPTIONAL
    ]


def _adversarial_stage_did_it(evidence: Evidence) -> Check:
    kind = _keenest(evidence)
    drop = _judges(evidence, "before")[kind] - _judges(evidence, "after")[kind] if kind else None
    bar = _drop_bar(evidence)
    return Check(
        "the adversarial stage did it",
        drop,
        _above(bar, _rows(evidence)),
        drop is not None and drop > bar,
        _credit_sentence(evidence)
        or "No fresh judge looked at the policy before the adversarial stage.",
    )


def _drop_bar(evidence: Evidence) -> float:
    """A difference of two accuracies that is more than chance, and worth the name."""
    return max(DROP, 2 * math.sqrt(2) * standard_error(_rows(evidence)))


def _keenest(evidence: Evidence) -> str:
    """The judge that tells the origin apart best, of those that looked at all three policies; empty without one."""
    origin, before, after = (_judges(evidence, part) for part in ("origin", "before", "after"))
    common = origin.keys() & before.keys() & after.keys()
    return max(sorted(common), key=lambda kind: origin[kind], default="")


def _judges_fell(evidence: Evidence) -> bool:
    """Whether the keenest fresh judge tells the final answers apart less well than those before the PPO loop."""
    kind = _keenest(evidence)
    return bool(kind) and _judges(evidence, "after")[kind] < _judges(evidence, "before")[kind]


def _credit_sentence(evidence: Evidence) -> str:
    """Who brought the answers closer to the logged ones: warm-up or adversarial stage."""
    origin, before, after = (_judges(evidence, part) for part in ("origin", "before", "after"))
    kind, bar = _keenest(evidence), _drop_bar(evidence)
    if not kind:
        return ""
    warm, trained = origin[kind] - before[kind], before[kind] - after[kind]
    figures = f"(best judge: {origin[kind]:.3f} at the start, {before[kind]:.3f} after the warm-up, {after[kind]:.3f} at the end)"
    if warm > bar and trained > bar:
        return f"Warm-up and adversarial stage both brought the answers closer to the logged ones {figures}."
    if trained > bar:
        return f"The adversarial stage brought the answers closer to the logged ones {figures}."
    if warm > bar:
        return f"The likelihood warm-up deserves the credit, not the adversarial stage {figures}."
    return f"Neither stage clearly brought the answers closer to the logged ones {figures}."


def _stayed_diverse(evidence: Evidence) -> Check:
    history = evidence.get("history") or []
    first = _mean([row["distinct"] for row in history[: max(1, len(history) // LAST_PART)]])
    last = _mean([row["distinct"] for row in ending(history)])
    share = None if first is None or last is None else last / max(first, 1e-9)
    return Check(
        "answers stayed diverse",
        share,
        f"at least {DISTINCT_FLOOR}",
        share is None or share >= DISTINCT_FLOOR,
        "Nothing was measured."
        if share is None
        else f"The share of distinct answers is {share:.0%} of what it was in the beginning.",
    )


def _gamed_by_length(evidence: Evidence) -> str:
    """Says so if the reward rose while the answers' length ran far beyond the logged ones'; empty otherwise."""
    history = [row for row in evidence.get("history") or [] if "length_drift" in row]
    last = ending(history)
    drift = _mean([row["length_drift"] for row in last])
    first = _mean([row["scores"] for row in history[: max(1, len(history) // LAST_PART)]])
    score = _mean([row["scores"] for row in last])
    if drift is None or first is None or score is None:
        return ""
    if abs(drift) <= LENGTH_DRIFT or score <= first:
        return ""
    return (
        f"The score of the answers rose from {first:.2f} to {score:.2f} while their mean length went {abs(drift):.1f} "
        f"spreads {'above' if drift > 0 else 'below'} that of the logged ones, and fresh judges saw no gain."
    )


def _died(evidence: Evidence, confused: Sequence[Check]) -> bool:
    """Whether D ends at 0.5 while fresh judges still see all that they saw at the start."""
    kind = _keenest(evidence)
    if not kind or not all(check.passed for check in confused):
        return False
    origin, after = _judges(evidence, "origin")[kind], _judges(evidence, "after")[kind]
    return after > max(NEAR_CHANCE, origin - _drop_bar(evidence))


# --- every other arm ------------------------------------------------------------------------------


def judge_improvement(evidence: Evidence, teacher: Teacher) -> Verdict:
    """Improved, no gain, or reward hacked.

    Evidence: `reward_model` {accuracy, pairs} or `classifier` {gained, error, rows}, by teacher; `gain` {reward, words:
    paired comparisons with the start, words_accuracy, words_pairs, words_drawn, truncated, distinct, distinct_origin, unlikely}.
    An arm without a reward is judged by the words alone.
    `history` rows of {length_drift, scores}.
    """
    gain = evidence.get("gain") or {}
    judge = _beats_chance(
        "the other judge can judge",
        gain.get("words_accuracy"),
        gain.get("words_pairs"),
        "The judge on words",
        "behaviours" if gain.get("words_drawn") else "votes",
    )
    agrees = _wins(
        "a judge that did not supply the reward agrees", gain.get("words"), "A judge on words"
    )
    whole = _whole(gain)
    supplied = _reward_supplied(evidence, teacher)
    checks = [*supplied, judge, agrees, whole]
    if supplied and supplied[-1].passed:  # the reward rose
        gamed = _gamed_by_length(evidence)
        if gamed and not agrees.passed:
            return _verdict("reward hacked", gamed, checks)
        if judge.passed and _loses(gain.get("words")):
            return _verdict("reward hacked", agrees.sentence, checks)
        if not whole.passed:
            return _verdict("reward hacked", whole.sentence, checks)
    if all(check.passed for check in checks):
        return _verdict("improved", agrees.sentence, checks)
    missing = next(check for check in checks if not check.passed)
    return _verdict("no gain", missing.sentence, checks)


def _reward_supplied(evidence: Evidence, teacher: Teacher) -> list[Check]:
    """Whether what supplied the reward had learned, and whether the reward rose; nothing where there is no reward."""
    reward = (evidence.get("gain") or {}).get("reward")
    match teacher:
        case Teacher.REWARD_MODEL:
            model = evidence.get("reward_model") or {}
            learned = _beats_chance(
                "the reward model learned",
                model.get("accuracy"),
                model.get("pairs"),
                "The reward model",
            )
            return [learned, _wins("the reward rose", reward, "The reward model")]
        case Teacher.CLASSIFIER:
            learned = _knows_behaviours(evidence.get("classifier") or {})
            return [learned, _wins("the reward rose", reward, "The classifier")]
        case _:
            return []


def _knows_behaviours(found: Mapping[str, Any]) -> Check:
    name, rows = "the classifier learned", int(found.get("rows", 0))
    if not rows:
        return Check(name, None, _above(0.0, 0), False, "The classifier was not measured.")
    gained, bar = float(found["gained"]), 2 * float(found["error"])
    return Check(
        name,
        gained,
        _above(bar, rows),
        rows >= ROWS_FLOOR and gained > bar,
        f"Of {rows} held-out behaviours the classifier knows {gained:.3f} nats more than their frequencies tell.",
    )


def _beats_chance(
    name: str, accuracy: float | None, rows: int | None, who: str, kind: str = "votes"
) -> Check:
    count = int(rows or 0)
    bar = 0.5 + 2 * standard_error(count)
    passed = accuracy is not None and count >= ROWS_FLOOR and accuracy > bar
    sentence = (
        f"{who} was not measured."
        if accuracy is None
        else f"{who} ranks {accuracy:.0%} of {count} held-out pairs of {kind} right."
    )
    return Check(name, accuracy, _above(bar, count), passed, sentence)


def _wins(name: str, comparison: Mapping[str, Any] | None, who: str) -> Check:
    if not comparison:
        return Check(name, None, "interval above 0.5", False, f"{who} was not asked.")
    low, high = comparison["interval"]
    rate = float(comparison["win_rate"])
    return Check(
        name,
        rate,
        "interval above 0.5",
        low > 0.5,
        f"{who} prefers the new answer in {rate:.0%} of {comparison['n']} held-out queries "
        f"(95 % interval {low:.2f} to {high:.2f}).",
    )


def _loses(comparison: Mapping[str, Any] | None) -> bool:
    return bool(comparison) and comparison["interval"][1] < 0.5  # type: ignore[index]


def _whole(gain: Mapping[str, Any]) -> Check:
    truncated = float(gain.get("truncated", 0.0))
    distinct = float(gain.get("distinct", 1.0)) / max(1e-9, float(gain.get("distinct_origin", 1.0)))
    unlikely = float(gain.get("unlikely", 0.0))
    passed = truncated <= 0.2 and distinct >= DISTINCT_FLOOR and unlikely <= UNLIKELY
    return Check(
        "answers stayed whole and diverse",
        distinct,
        f"at least {DISTINCT_FLOOR}, at most 20 % cut off, at most {UNLIKELY:.0%} unlike any answer of the base model",
        passed,
        f"{truncated:.0%} of the answers were cut off, the share of distinct ones is {distinct:.0%} of what it was, and "
        f"{unlikely:.0%} are less likely under the base model than all but 5 % of the start's.",
    )


# --- small parts ----------------------------------------------------------------------------------


def standard_error(rows: int) -> float:
    """Of an accuracy near one half over so many rows."""
    return 0.5 / math.sqrt(max(1, rows))


def _above(bar: float, rows: int) -> str:
    """The bar in words. It follows from the number of rows: without any there is none."""
    return f"above {bar:.3f}" if rows else "not measured"


def ending(history: Sequence[Mapping[str, float]]) -> Sequence[Mapping[str, float]]:
    """The last fifth of the iterations, at least one."""
    return history[-max(1, len(history) // LAST_PART) :] if history else []


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _judges(evidence: Evidence, part: str) -> dict[str, float]:
    found = (evidence.get("judges") or {}).get(part) or {}
    return {kind: float(found[kind]) for kind in JUDGES if kind in found}


def _rows(evidence: Evidence) -> int:
    found = (evidence.get("judges") or {}).get("after") or {}
    return int(found.get("rows", 0))
