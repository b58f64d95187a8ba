"""Lines as TRL's trainers load them, prompts and answers as conversations. Knows no SQL and no HTTP.

* preferences: prompt / chosen / rejected, for DPO and reward models.
* labels: prompt / completion / label, for KTO.
* completions: prompt / completion, for SFT.

What went before a question stands before it in the prompt, as the model was given it. What else a line says (`from`,
`strength`, `weight`, `unblinded`) TRL carries along and does not read.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

import orjson

from app.files.lines import Lines, in_blocks
from app.files.vote_lines import Compared, alike, compared_answers, did_fail
from app.store import DataFilter, Store, behaviors
from app.store.exports import edits, readings
from rlhb_core.schema.answers import preferred
from rlhb_core.schema.behaviors import absolute, parse, preference_score
from rlhb_core.schema.history import Message, without_oldest

CLEAR = 0.5
"""A behaviour is a label if it speaks for or against the answer by at least this much, in likes."""


def preference_lines(store: Store, chosen: DataFilter) -> Lines:
    """The chosen answer against each other one, of ranked ones each against each that stands lower; then what people
    made of an answer against what it was.

    `from` tells which: vote, rank or edit. `strength` is that of a vote, 1 to 3, where it was told. `weight` is below 1
    where a ranking tells more pairs than a vote among its answers would: then together they weigh what that does.
    """
    return in_blocks(chain(_chosen_over(store, chosen), _edited_over(store, chosen)))


def _taught(store: Store, chosen: DataFilter) -> Iterator[Compared]:
    return (each for each in compared_answers(store, chosen) if not each.is_again)


def _chosen_over(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    for line, rows in _taught(store, chosen):
        responses, places = line["responses"], line["places"]
        if line["histories"] is not None:
            continue  # they answer to different threads: no prompt has both
        before = _given(line["history"], min(row.left_out for row in rows))
        told = [
            (better, worse)
            for better, worse in preferred(places, line["best"], len(responses))
            if responses[better].strip()
        ]
        found: dict[str, Any] = {"from": "vote" if places is None else "rank"}
        if line["strength"] is not None:
            found["strength"] = line["strength"]
        count = len({index for pair in told for index in pair}) - 1
        if places is not None and len(told) > count > 0:
            found["weight"] = round(count / len(told), 6)
        if line["unblinded"]:
            found["unblinded"] = True
        for better, worse in told:
            yield _pair(_asks(before, line["query"]), responses[better], responses[worse]) | found


def _edited_over(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    for row, edited in corrected_answers(store, chosen):
        yield _pair(_asked(row), edited, row.response) | {"from": "edit"} | _seen(row)


def corrected_answers(store: Store, chosen: DataFilter) -> Iterator[tuple[Any, str]]:
    """(row of an answer, what its reader made of it); of equal answers to a query one is enough."""
    with store.reading() as connection:
        for _, rows in groupby(edits(connection, chosen), key=attrgetter("query_id")):
            for same in alike([row for row in rows if not did_fail(row)]).values():
                if edited := _edited(same[0]):
                    yield same[0], edited


def _edited(row: Any) -> str:
    """The answer as its reader would have it. An edit taken back is none, nor is one that changes nothing."""
    text: str = orjson.loads(row.features).get("edited_text") or ""
    return text if text.strip() != row.response.strip() and text.strip() else ""


def _seen(row: Any) -> dict[str, Any]:
    return {"unblinded": True} if row.unblinded else {}


def completion_lines(store: Store, chosen: DataFilter) -> Lines:
    """Answers to imitate: those that won a vote or stand first in a ranking, and what people made of answers. One that
    its reader corrected is none, but the correction is. `from` tells which: vote, rank or edit.
    """
    return in_blocks(chain(_first_ones(store, chosen), _corrections(store, chosen)))


def _first_ones(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    for line, rows in _taught(store, chosen):
        responses, places = line["responses"], line["places"]
        befores = line["histories"] or [line["history"]] * len(responses)
        left_out = min(row.left_out for row in rows)
        corrected = {row.response.strip() for row in rows if _edited(row)}
        told = preferred(places, line["best"], len(responses))
        for index in dict.fromkeys(better for better, _ in told):
            is_first = places is None or places[index] == min(places)
            text = responses[index]
            if is_first and text.strip() and text.strip() not in corrected:
                prompt = _asks(_given(befores[index], left_out), line["query"])
                found = _answer(prompt, text) | {"from": "rank" if places else "vote"}
                yield found | ({"unblinded": True} if line["unblinded"] else {})


def _corrections(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    for row, edited in corrected_answers(store, chosen):
        yield _answer(_asked(row), edited) | {"from": "edit"} | _seen(row)


def label_lines(store: Store, chosen: DataFilter) -> Lines:
    """Answers that their readers' behaviour clearly speaks for (true) or against (false), each on its own: which of
    several was chosen is no label.

    One line for each query, with what went before it, and answer, whoever read them: those whose behaviour is clear
    decide by their mean score; if that is not clear, they cancel each other and there is no line.
    """
    return in_blocks(_labels(store, chosen))


@lru_cache(maxsize=4_096)
def _score(text: str) -> float:
    return preference_score(absolute(parse(text)))


def _labels(store: Store, chosen: DataFilter) -> Iterator[dict[str, Any]]:
    behaviors.refresh(store)
    with store.reading() as connection:
        rows = readings(connection, chosen)
        by_answer = attrgetter("asked", "answer", "history", "left_out")
        for (query, response, history, left_out), same in groupby(rows, key=by_answer):
            clear = [s for row in same if abs(s := _score(row.behavior_text)) >= CLEAR]
            if clear and abs(mean := sum(clear) / len(clear)) >= CLEAR:
                prompt = _asks(_given(orjson.loads(history), left_out), query)
                yield _answer(prompt, response) | {"label": mean > 0}


Says = dict[str, str]
"""A message."""


def _given(history: list[Says], left_out: int) -> list[Says]:
    """What a model was given of what went before."""
    if not left_out:
        return history
    messages = [Message.model_validate(each) for each in history]
    return [each.model_dump() for each in without_oldest(messages, left_out)]


def _asked(row: Any) -> list[Says]:
    return _asks(_given(orjson.loads(row.history), row.left_out), row.query)


def _asks(before: list[Says], query: str) -> list[Says]:
    return [*before, {"role": "user", "content": query}]


def _pair(prompt: list[Says], better: str, worse: str) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": _says(better), "rejected": _says(worse)}


def _answer(prompt: list[Says], response: str) -> dict[str, Any]:
    return {"prompt": prompt, "completion": _says(response)}


def _says(content: str) -> list[Says]:
    return [{"role": "assistant", "content": content}]
