"""Label Studio's JSON export: tasks with their annotations, of its tags Pairwise, Ranker, Rating, Choices and TextArea.

Each annotation that was not cancelled is what one person said. The question and the answers are in `data`, by usual
names (prompt, answer1, answer2) or, for Ranker, as `items` with an id and a body. Ratings are stars, 1 to 5.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.files.csv_rows import Cells
from app.files.shapes.people import fields_of, rated, rating_cell
from app.files.shapes.usual import Shape, said
from rlhb_core.errors import BadRecord

PAIR = {"left": "1", "right": "2", "tie": "tie", "same": "tie", "none": "all_bad"}
CHOICES = {
    "left": "1", "right": "2", "a": "1", "b": "2", "1": "1", "2": "2",
    "tie": "tie", "same": "tie", "equal": "tie", "both": "tie", "neither": "all_bad", "none": "all_bad",
}  # fmt: skip
YES = {
    "good": "1",
    "yes": "1",
    "correct": "1",
    "bad": "0",
    "no": "0",
    "incorrect": "0",
    "wrong": "0",
}


def _is_task(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("data"), Mapping) and isinstance(record.get("annotations"), list)


def _rows(task: Mapping[str, Any]) -> Iterator[Cells]:
    asked, numbers = _answers(task["data"])
    annotations = [each for each in task["annotations"] if isinstance(each, Mapping)]
    told = [each for each in annotations if not each.get("was_cancelled") and each.get("result")]
    if not told:
        raise BadRecord("nobody has said anything of it")
    for each in told:
        who = each.get("completed_by")
        person = (
            said(who, "email", "id") if isinstance(who, Mapping) else said(each, "completed_by")
        )
        row = asked | {"person": person}
        if said(task, "id"):
            row["id"] = f"{said(task, 'id')}|{said(each, 'id')}|{person}"
        if made := said(each, "created_at"):
            row["time"] = made
        for result in each["result"]:
            if not isinstance(result, Mapping) or not isinstance(result.get("value"), Mapping):
                raise BadRecord("annotations: a result has no value")
            row |= _said(result, numbers)
        if row.keys() <= asked.keys() | {"id", "person", "time"}:
            raise BadRecord(
                "annotations: says nothing that is known here (Pairwise, Ranker, Rating, Choices, TextArea)"
            )
        yield row


def _answers(data: Mapping[str, Any]) -> tuple[Cells, dict[str, int]]:
    items = data.get("items")
    if not isinstance(items, list):
        return fields_of(data)
    fields: dict[str, Any] = dict(data)
    names: dict[str, int] = {}
    for number, item in enumerate(items, start=1):
        if not isinstance(item, Mapping) or not said(item, "id"):
            raise BadRecord("items: one has no id")
        fields[f"answer{number}"] = said(item, "body", "html", "text", "title")
        fields[f"model{number}"] = said(item, "model")
        names[said(item, "id")] = number
    cells, numbers = fields_of(fields)
    if len(numbers) < len(items):
        raise BadRecord("items: one has no text")
    return cells, names


def _said(result: Mapping[str, Any], numbers: Mapping[str, int]) -> Cells:
    """What one result says, as cells."""
    value, about = result["value"], said(result, "from_name") or "rating"
    target = rated(said(result, "to_name"), numbers) or rated(about, numbers)
    match result.get("type"):
        case "pairwise":
            selected = said(value, "selected").lower()
            if selected not in PAIR or len(numbers) < 2:
                raise BadRecord("pairwise: selected is none of left and right, or there are no two")
            return {"choice": PAIR[selected]}
        case "ranker":
            return _ranking(value.get("ranker"), numbers)
        case "rating":
            if target is None:
                raise BadRecord(
                    f"rating: {about[:40]} does not say which of the answers it is about"
                )
            return {rating_cell(target, about): said(value, "rating")}
        case "choices":
            return _chosen([str(each) for each in value.get("choices", ())], target)
        case "textarea":
            words = value.get("text")
            text = "\n".join(map(str, words)) if isinstance(words, list) else str(words or "")
            return {f"comment {target or 1}": text}
    return {}


def _ranking(told: Any, numbers: Mapping[str, int]) -> Cells:
    if isinstance(told, Mapping):  # buckets; what stands in "_" was left where it was
        filled = [each for name, each in told.items() if name != "_" and each]
        if len(filled) > 1:
            raise BadRecord("ranker: sorts into several buckets, whose order is not known")
        told = filled[0] if filled else None
    if not isinstance(told, list) or not told:
        raise BadRecord("ranker: has no list of ids")
    unknown = [str(each) for each in told if str(each) not in numbers]
    if unknown:
        raise BadRecord(f"ranker: {unknown[0][:40]!r} is none of the items")
    return {f"place {numbers[str(each)]}": str(place) for place, each in enumerate(told, start=1)}


def _chosen(told: list[str], target: int | None) -> Cells:
    picked = told[0].strip().lower() if len(told) == 1 else ""
    if target is not None and picked in YES:
        return {f"label {target}": YES[picked]}
    return {"choice": CHOICES[picked]} if picked in CHOICES else {}


LABEL_STUDIO = Shape("an export of Label Studio", "label-studio", _is_task, _rows)
