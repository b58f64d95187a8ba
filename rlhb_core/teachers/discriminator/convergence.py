"""The verdict on an adversarial run: converged, or why not.

A discriminator that never learned anything answers 0.5 as well. So a run is called converged only if its discriminator
once discriminated, ends confused, fresh judges agree, and the adversarial stage did it. Does not know how the evidence
is gathered (`judging.py`).
"""

import math
from collections.abc import Sequence

from rlhb_core.teachers.discriminator.evidence import (
    Discriminated,
    DiscriminatorEvidence,
    Judged,
    Judges,
)
from rlhb_core.verdict.checks import (
    DISTINCT_FLOOR,
    LAST_PART,
    ROWS_FLOOR,
    Check,
    Verdict,
    above,
    conclude,
    ending,
    gamed_by_length,
    mean,
    standard_error,
    told_apart,
)

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

JUDGES = {
    "projection": "with D's features",
    "reading": "that reads the triplet",
    "words": "on words alone",
}
"""Kinds of fresh judges, and how they are told apart in a sentence."""
OPTIONAL = frozenset({"reading"})
"""Judges that are left out on large base models."""


def judge_convergence(evidence: DiscriminatorEvidence) -> Verdict:
    """Converged, not converged yet, never discriminated, collapsed, or reward hacked."""
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
            return conclude("never discriminated", needed.sentence, checks)
    for needed in (two_sided, diverse):
        if needed.value is not None and not needed.passed:
            return conclude("collapsed", needed.sentence, checks)
    gamed = gamed_by_length(evidence, "fresh judges saw no gain")
    if gamed and not _judges_fell(evidence):
        return conclude("reward hacked", gamed, checks)
    if _died(evidence, confused):
        reason = (
            "It ends near 0.5 although fresh judges tell the answers apart as well as at the start."
        )
        return conclude("collapsed", reason, checks)
    if all(check.passed for check in checks):
        return conclude("converged", credit.sentence, checks)
    missing = next(check for check in checks if not check.passed)
    reasons = dict.fromkeys([missing.sentence, _credit_sentence(evidence)])
    return Verdict("not converged yet", " ".join(filter(None, reasons)), checks)


def _once_discriminated(evidence: DiscriminatorEvidence) -> Check:
    return _before_training(
        evidence,
        "it once discriminated",
        False,
        "Before the adversarial stage the discriminator told {value:.0%} of {rows} held-out triplets right",
    )


def _saw_behaviour(evidence: DiscriminatorEvidence) -> Check:
    return _before_training(
        evidence,
        "it saw the behaviour",
        True,
        "It told {value:.0%} of held-out triplets from the same with another behaviour right",
    )


def _before_training(
    evidence: DiscriminatorEvidence, name: str, of_behaviours: bool, sentence: str
) -> Check:
    """The discriminator on held-out triplets must lie above chance before the adversarial stage."""
    found = evidence.discriminated or Discriminated()
    rows = found.rows
    if not rows:
        return Check(
            name,
            None,
            above(0.0, 0),
            False,
            "It was not measured: there were no held-out triplets.",
        )
    value, bar = found.power if of_behaviours else found.accuracy, 0.5 + 2 * standard_error(rows)
    passed = rows >= ROWS_FLOOR and value > bar
    said = sentence.format(value=value, rows=rows)
    said += "." if passed else ", which is no better than chance."
    return Check(name, value, above(bar, rows), passed, said)


def _two_sided(evidence: DiscriminatorEvidence) -> Check:
    last = ending(evidence.history)
    outputs = [mean([row[name] for row in last if name in row]) for name in ("p_real", "p_fake")]
    found = [output for output in outputs if output is not None]
    least, most = min(found, default=0.5), max(found, default=0.5)
    passed = bool(found) and least < ONE_SIDED and most > 1 - ONE_SIDED
    return Check(
        "it did not settle at one end",
        mean(found),
        f"between {1 - ONE_SIDED:.1f} and {ONE_SIDED:.1f}",
        passed,
        "Nothing was measured in the last fifth of the iterations."
        if not found
        else f"In the last fifth its raw output is {least:.2f} to {most:.2f} for logged and generated triplets"
        + (" alike." if abs(most - least) < 2 * BAND or not passed else "."),
    )


def _ends_confused(evidence: DiscriminatorEvidence) -> list[Check]:
    last = ending(evidence.history)
    unknown = "Nothing was measured in the last fifth of the iterations."
    checks = []
    for name, kind in {"calibrated_real": "logged", "calibrated_fake": "generated"}.items():
        value = mean([row[name] for row in last if name in row])
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
    accuracy = mean([row["calibrated_accuracy"] for row in last if "calibrated_accuracy" in row])
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


def _judges_separate_origin(evidence: DiscriminatorEvidence) -> Check:
    found = _judges(evidence, "origin")
    best = max(found.values(), default=None)
    rows = _rows(evidence)
    bar = 0.5 + 2 * standard_error(rows)
    return Check(
        "fresh judges can judge",
        best,
        above(bar, rows),
        best is not None and best > bar,
        "No fresh judge was trained."
        if best is None
        else f"The best fresh judge tells {best:.1%} of the answers of the starting version from logged ones.",
    )


def _fresh_judges_agree(evidence: DiscriminatorEvidence) -> list[Check]:
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


def _adversarial_stage_did_it(evidence: DiscriminatorEvidence) -> Check:
    kind = _keenest(evidence)
    drop = _judges(evidence, "before")[kind] - _judges(evidence, "after")[kind] if kind else None
    bar = _drop_bar(evidence)
    return Check(
        "the adversarial stage did it",
        drop,
        above(bar, _rows(evidence)),
        drop is not None and drop > bar,
        _credit_sentence(evidence)
        or "No fresh judge looked at the policy before the adversarial stage.",
    )


def _drop_bar(evidence: DiscriminatorEvidence) -> float:
    """A difference of two accuracies that is more than chance, and worth the name."""
    return max(DROP, 2 * math.sqrt(2) * standard_error(_rows(evidence)))


def _keenest(evidence: DiscriminatorEvidence) -> str:
    """The judge that tells the origin apart best, of those that looked at all three policies; empty without one."""
    origin, before, after = (_judges(evidence, part) for part in ("origin", "before", "after"))
    common = origin.keys() & before.keys() & after.keys()
    return max(sorted(common), key=lambda kind: origin[kind], default="")


def _judges_fell(evidence: DiscriminatorEvidence) -> bool:
    """Whether the keenest fresh judge tells the final answers apart less well than those before the PPO loop."""
    kind = _keenest(evidence)
    return bool(kind) and _judges(evidence, "after")[kind] < _judges(evidence, "before")[kind]


def _credit_sentence(evidence: DiscriminatorEvidence) -> str:
    """Who brought the answers closer to the logged ones: warm-up or adversarial stage."""
    origin, before, after = (_judges(evidence, part) for part in ("origin", "before", "after"))
    kind, bar = _keenest(evidence), _drop_bar(evidence)
    if not kind:
        return ""
    warm, trained = origin[kind] - before[kind], before[kind] - after[kind]
    figures = (
        f"(best judge: {origin[kind]:.3f} at the start, {before[kind]:.3f} after the warm-up, {after[kind]:.3f} "
        f"at the end)"
    )
    if warm > bar and trained > bar:
        return f"Warm-up and adversarial stage both brought the answers closer to the logged ones {figures}."
    if trained > bar:
        return f"The adversarial stage brought the answers closer to the logged ones {figures}."
    if warm > bar:
        return f"The likelihood warm-up deserves the credit, not the adversarial stage {figures}."
    return f"Neither stage clearly brought the answers closer to the logged ones {figures}."


def _stayed_diverse(evidence: DiscriminatorEvidence) -> Check:
    history = evidence.history
    first = mean([row["distinct"] for row in history[: max(1, len(history) // LAST_PART)]])
    last = mean([row["distinct"] for row in ending(history)])
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


def _died(evidence: DiscriminatorEvidence, confused: Sequence[Check]) -> bool:
    """Whether D ends at 0.5 while fresh judges still see all that they saw at the start."""
    kind = _keenest(evidence)
    if not kind or not all(check.passed for check in confused):
        return False
    origin, after = _judges(evidence, "origin")[kind], _judges(evidence, "after")[kind]
    return after > max(NEAR_CHANCE, origin - _drop_bar(evidence))


def _judges(evidence: DiscriminatorEvidence, part: str) -> dict[str, float]:
    found = getattr(evidence.judges or Judges(), part) or Judged()
    accuracies = {kind: getattr(found, kind) for kind in JUDGES}
    return {kind: told_apart(each) for kind, each in accuracies.items() if each is not None}


def _rows(evidence: DiscriminatorEvidence) -> int:
    after = (evidence.judges or Judges()).after
    return after.rows if after else 0
