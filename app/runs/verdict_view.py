"""A run's verdict in words: the sentence, its checks, how often the new answers win. Knows no store and no folder."""

from collections.abc import Mapping
from typing import Any

from app.runs.deploying import speaks_against
from app.runs.views import CheckView, Tone, VerdictView, WinView


def verdict_view(result: Mapping[str, Any], parent: str) -> VerdictView | None:
    """The verdict with its checks, from a run's result; None while there is none. `parent`:
    what the run started from.
    """
    found = result.get("verdict")
    if not found:
        return None
    return VerdictView(
        word=found["word"],
        tone=verdict_tone(found["word"]),
        sentence=found["sentence"],
        checks=[
            CheckView(
                name=check["name"],
                value="–" if check["value"] is None else f"{check['value']:.2f}",
                bar=check["bar"].replace("+-", "±"),
                passed=check["passed"],
                sentence=check["sentence"],
            )
            for check in found["checks"]
        ],
        win=_win(result, parent),
        evaluation=_evaluation(result),
    )


def _win(result: Mapping[str, Any], parent: str) -> WinView:
    evaluation = result.get("evaluation")
    if evaluation:
        served = evaluation["conditions"]["served"]
        return _won(
            served.get("against_start") or served["against_sft"], parent, evaluation["judge"]
        )
    words = ((result.get("evidence") or {}).get("gain") or {}).get("words")
    if words:
        return _won(words, parent, "a judge on words that did not supply the reward")
    return WinView(
        rate="–",
        words=f"wins against {parent}: nobody compared them. Votes of people in Compare will tell.",
    )


def _won(comparison: Mapping[str, Any], parent: str, judge: str) -> WinView:
    low, high = comparison["interval"]
    return WinView(
        rate=f"{comparison['win_rate']:.0%}",
        words=f"wins against {parent} [{low:.0%} to {high:.0%}], ties half, in {comparison['n']:,} questions, by "
        f"{judge}.",
    )


def _evaluation(result: Mapping[str, Any]) -> str:
    """What else was measured; the win rate against SFT only where that is not the parent."""
    evaluation = result.get("evaluation")
    if not evaluation:
        return ""
    found = []
    served, least = (evaluation["conditions"].get(name) for name in ("served", "least preferred"))
    if "against_start" in served:
        won = served["against_sft"]
        low, high = won["interval"]
        found.append(f"Against SFT it wins {won['win_rate']:.0%} [{low:.0%} to {high:.0%}].")
    if least is not None:
        found.append(
            f"Asked for the least preferred behaviour instead, it wins {least['against_sft']['win_rate']:.0%} against "
            f"SFT."
        )
    return " ".join(found)


def verdict_tone(verdict: str) -> Tone:
    """The colour of a verdict."""
    if not verdict:
        return "plain"
    if speaks_against(verdict):
        return "bad"
    return "good" if verdict in ("converged", "improved") else "warn"
