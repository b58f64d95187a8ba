"""Argilla's records: fields, and for each question the responses of its people.

As its second version writes them (`responses` by question, each with `user_id` and `value`) and as its first did
(`responses` by person, with `values` by question). A rating, 1 to 5, is of the answer that its question names or of the
only one; a ranking lists answers by the names of their fields; a label is a choice, a like or a comment. Suggestions
are no responses, and are left where they are.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.files.csv_rows import Cells
from app.files.shapes.people import fields_of, rated, rating_cell
from app.files.shapes.usual import Shape, said
from rlhb_core.errors import BadRecord

ALL_ALIKE = {
    "tie": "tie", "same": "tie", "equal": "tie", "both": "tie", "both_good": "tie",
    "none": "all_bad", "neither": "all_bad", "both_bad": "all_bad", "all_bad": "all_bad",
}  # fmt: skip
YES = {"yes": "1", "good": "1", "true": "1", "no": "0", "bad": "0", "false": "0"}
SIDES = {"a": 1, "b": 2, "1": 1, "2": 2, "left": 1, "right": 2, "chosen": 1, "rejected": 2}


def _is_record(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("fields"), Mapping) and "responses" in record


def _rows(record: Mapping[str, Any]) -> Iterator[Cells]:
    asked, numbers = fields_of(record["fields"])
    said_by = _by_person(record["responses"] or {})
    if not said_by:
        raise BadRecord("nobody has said anything of it")
    key = said(record, "id", "external_id", "_server_id")
    for person, values in said_by.items():
        row = asked | {"person": person}
        if key:
            row["id"] = f"{key}|{person}"
        for question, value in values.items():
            row |= _said(question, value, numbers)
        yield row


def _by_person(responses: Any) -> dict[str, dict[str, Any]]:
    """What each person said, by question; drafts and what was discarded are nothing."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(responses, Mapping):
        for question, told in responses.items():
            for each in told if isinstance(told, list) else ():
                if _counts(each):
                    found.setdefault(said(each, "user_id"), {})[question] = each.get("value")
        return found
    for each in responses if isinstance(responses, list) else ():
        if _counts(each) and isinstance(each.get("values"), Mapping):
            for question, value in each["values"].items():
                told = value.get("value") if isinstance(value, Mapping) else value
                found.setdefault(said(each, "user_id"), {})[question] = told
    return found


def _counts(response: Any) -> bool:
    return isinstance(response, Mapping) and response.get("status") in (None, "submitted")


def _said(question: str, value: Any, numbers: Mapping[str, int]) -> Cells:
    """What one response says, as cells."""
    target = rated(question, numbers)
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return _ranking(question, value, numbers)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if target is None:
            raise BadRecord(f"{question[:40]}: does not say which of the answers it rates")
        return {rating_cell(target, question): str(value)}
    if not isinstance(value, str):
        return {}
    told = value.strip().lower()
    if len(numbers) > 1 and (number := _named(told, numbers)):
        return {"choice": str(number)}
    if len(numbers) > 1 and told in ALL_ALIKE:
        return {"choice": ALL_ALIKE[told]}
    if target is not None and told in YES:
        return {f"label {target}": YES[told]}
    if target is not None or " " in told:
        return {f"comment {target or 1}": value}
    raise BadRecord(f"{question[:40]}: {value[:40]!r} is none of the answers")


def _named(told: str, numbers: Mapping[str, int]) -> int | None:
    """The answer of that name, however its parts are joined."""

    def bare(name: str) -> str:
        return name.lower().replace("-", "").replace("_", "").replace(" ", "")

    found = {bare(name): number for name, number in numbers.items()}
    return found.get(bare(told), SIDES.get(told))


def _ranking(question: str, value: list[Any], numbers: Mapping[str, int]) -> Cells:
    cells: Cells = {}
    for place, each in enumerate(value, start=1):
        number = _named(said(each, "value"), numbers)
        if number is None:
            raise BadRecord(
                f"{question[:40]}: ranks {said(each, 'value')[:40]!r}, which is no field"
            )
        cells[f"place {number}"] = said(each, "rank") or str(place)
    return cells


ARGILLA = Shape("records of Argilla", "argilla", _is_record, _rows)
