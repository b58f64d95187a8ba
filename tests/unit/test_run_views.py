"""What the strip above the curves says of a finished run."""

from typing import Any

from app.runs.verdict_view import verdict_view

VERDICT = {"word": "no gain", "sentence": "No judge outside the reward shows a gain.", "checks": []}
WON = {"win_rate": 0.583, "interval": [0.55, 0.616], "n": 1200}
LESS = {"win_rate": 0.21, "interval": [0.18, 0.24], "n": 1200}


def view(**result: Any) -> tuple[str, str, str]:
    found = verdict_view({"verdict": VERDICT, **result}, "Embedded SFT")
    assert found is not None
    return found.win.rate, found.win.words, found.evaluation


def evaluation(**served: Any) -> dict[str, Any]:
    conditions = {
        "served": {"against_sft": WON, **served},
        "least preferred": {"against_sft": LESS},
    }
    return {"judge": "hidden utility", "conditions": conditions}


def test_the_win_rate_against_the_parent_is_said_first() -> None:
    rate, words, more = view(evaluation=evaluation())
    assert rate == "58%"
    assert words == (
        "wins against Embedded SFT [55% to 62%], ties half, in 1,200 questions, by hidden utility."
    )
    assert more == "Asked for the least preferred behaviour instead, it wins 21% against SFT."


def test_a_parent_other_than_sft_is_what_it_is_held_against() -> None:
    start = {"win_rate": 0.49, "interval": [0.46, 0.52], "n": 1200}
    rate, _, more = view(evaluation=evaluation(against_start=start))
    assert rate == "49%"
    assert more.startswith("Against SFT it wins 58% [55% to 62%]. Asked for the least")


def test_on_real_data_a_judge_on_words_says_so() -> None:
    rate, words, more = view(evaluation=None, evidence={"gain": {"words": WON}})
    assert (rate, more) == ("58%", "")
    assert words.endswith("by a judge on words that did not supply the reward.")


def test_where_nobody_compared_them_that_is_said() -> None:
    rate, words, more = view(evaluation=None, evidence={"judges": {}})
    assert (rate, more) == ("–", "")
    assert words.startswith("wins against Embedded SFT: nobody compared them.")


def test_no_verdict_no_view() -> None:
    assert verdict_view({}, "SFT") is None
