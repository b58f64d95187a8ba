"""Files of questions to work through: one per line of a text, row of a CSV file, or JSON line; with answers or not.

Whatever is usual is read by its name (`QUESTION`, `ANSWERS`, `MODELS` ...), so that most files need no mapping. A line
that cannot be read is told by its number and costs no other one. Knows no store: what becomes of an item is
`app.studies`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.files.conversations import MAX_TURN, history_of, listed, messages_of, parted, text_of
from app.files.csv_rows import rows_of
from app.files.text_lines import MARK, UNREADABLE, read_lines
from rlhb_core.errors import BadRecord
from rlhb_core.schema.history import Message
from rlhb_core.schema.record import MAX_TEXT

QUESTION = (
    "query",
    "question",
    "prompt",
    "instruction",
    "text",
    "request",
    "turns",
    "messages",
    "conversation",
)
"""Names under which a question is looked for, in this order; of several questions the first is the one, of a
conversation the last, with what went before it."""
LISTS = ("turns", "messages", "conversation")
"""Of these, those that hold a list, in a cell of a CSV file too."""
HISTORY = "history"
"""What went before the question, where it stands beside it: {role, content} by turns."""
ANSWERS = ("answers", "responses", "completions", "outputs", "generations")
MODELS = ("models", "generators", "model_versions")
TAGS = ("tags", "category", "tag", "topic", "task")
BEST = ("best", "winner", "preferred")
"""The number of the best answer, from 1 (or A): then the item is one whose best answer is known."""
MOST_ANSWERS = 16
MOST_TAGS = 20
SUFFIXES = (".txt", ".csv", ".jsonl")

_NUMBERED = re.compile(
    r"(answer|response|completion|output|model|generator)[ _-]?([0-9]{1,2}|[a-p])", re.IGNORECASE
)


class FoundAnswer(NamedTuple):
    """An answer that comes with a question."""

    text: str
    model: str = ""


class FoundItem(NamedTuple):
    """A question of a file."""

    text: str
    tags: Sequence[str] = ()
    answers: Sequence[FoundAnswer] = ()
    best: int | None = None
    """Which answer is known to be the best, by its place from 0."""
    history: Sequence[Message] = ()
    """What went before the question."""
    further: int = 0
    """Questions that were to be asked after it, and are left out."""


Found = tuple[int, FoundItem | str]
"""The number of a line, and the question in it or what is wrong with it."""


def read_items(path: Path, encoding: str = "") -> Iterator[Found]:
    """The questions of a file, by its ending: .txt, .csv, .jsonl. Raises BadRecord or BadConfig for the file itself."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadRecord(f"{path.name}: questions come in files that end in {', '.join(SUFFIXES)}")
    lines = read_lines(path, encoding, "" if suffix == ".csv" else "\n")
    read = {".txt": _plain, ".csv": _rows, ".jsonl": _json}[suffix]
    for number, found in read(lines):
        yield number, found if isinstance(found, str) else _checked(found)


def read_folder(folder: Path) -> Iterator[Found]:
    """Each text of a folder (.txt, .md) as one question, in the order of their names."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".txt", ".md"))
    for number, path in enumerate(paths, start=1):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            yield number, f"{path.name} is no text in UTF-8"
            continue
        yield number, _checked(FoundItem(text))


def _plain(lines: Iterable[str]) -> Iterator[Found]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text:
            yield number, UNREADABLE if MARK in text else FoundItem(text)


def _rows(lines: Iterable[str]) -> Iterator[Found]:
    for number, row in rows_of(lines, ",", set(), "the file"):
        if isinstance(row, str):
            yield number, row
            continue
        try:
            yield number, _of_row({name.strip().lower(): cell for name, cell in row.items()})
        except BadRecord as error:
            yield number, str(error)


def _json(lines: Iterable[str]) -> Iterator[Found]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if MARK in text:
            yield number, UNREADABLE
            continue
        try:
            parsed = json.loads(text)
            json.dumps(parsed, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            yield number, "holds text that is no Unicode"
            continue
        except (ValueError, RecursionError):
            yield number, "is no JSON"
            continue
        try:
            yield number, _of_json(parsed)
        except BadRecord as error:
            yield number, str(error)


def _of_row(row: Mapping[str, str]) -> FoundItem:
    column = next((name for name in QUESTION if row.get(name, "").strip()), None)
    if column is None:
        raise BadRecord(f"has no question; its column is called one of {', '.join(QUESTION[:6])}")
    texts: dict[str, str] = {}
    models: dict[str, str] = {}
    for name, cell in row.items():
        if found := _NUMBERED.fullmatch(name):
            kind, number = found[1].lower(), _place(found[2])
            (models if kind in ("model", "generator") else texts)[f"{number:02}"] = cell
    answers = [
        FoundAnswer(texts[number], models.get(number, ""))
        for number in sorted(texts)
        if texts[number].strip()
    ]
    is_list = column in LISTS and row[column].lstrip().startswith("[")
    text, before, further = _question(listed(row[column]) if is_list else row[column])
    if row.get(HISTORY, "").strip():
        before = history_of(row[HISTORY], HISTORY)
    tags = [tag.strip() for name in TAGS for tag in row.get(name, "").split(";")]
    best = next((row[name] for name in BEST if row.get(name, "").strip()), None)
    return FoundItem(
        text, [tag for tag in tags if tag], answers, _best(best), tuple(before), further
    )


def _of_json(line: Any) -> FoundItem:
    if isinstance(line, str):
        return FoundItem(line)
    if not isinstance(line, dict):
        raise BadRecord("is neither a question nor an object with one")
    fields = {str(name).lower(): value for name, value in line.items()}
    asked = next((fields[name] for name in QUESTION if fields.get(name)), None)
    if asked is None:
        raise BadRecord(f"has no question; its field is called one of {', '.join(QUESTION)}")
    models: list[Any] = next(
        (fields[name] for name in MODELS if isinstance(fields.get(name), list)), []
    )
    told = next((fields[name] for name in ANSWERS if isinstance(fields.get(name), list)), None)
    if told is None and {"chosen", "rejected"} <= fields.keys():
        told, models = [fields["chosen"], fields["rejected"]], ["chosen", "rejected"]
    answers = [
        _answer(each, models[i] if i < len(models) else "") for i, each in enumerate(told or [])
    ]
    tags: Any = next((fields[name] for name in TAGS if fields.get(name)), [])
    best = next((fields[name] for name in BEST if fields.get(name) is not None), None)
    text, before, further = _question(asked)
    if fields.get(HISTORY):
        _, before = parted([*messages_of(fields[HISTORY]), Message(role="user", content=text)])
    return FoundItem(
        text,
        [str(tag) for tag in (tags if isinstance(tags, list) else [tags])],
        answers,
        _best(best),
        before,
        further,
    )


def _question(asked: Any) -> tuple[str, list[Message], int]:
    """What is asked: a text, the first of several questions, or the last of a conversation; what went before it; and
    how many questions were to follow.
    """
    if isinstance(asked, str):
        return asked, [], 0
    if isinstance(asked, list) and asked and all(isinstance(each, str) for each in asked):
        return str(asked[0]), [], len(asked) - 1  # they would be asked later, after an answer
    if isinstance(asked, list) and asked:
        return *parted(messages_of(asked)), 0
    raise BadRecord("its question is neither a text nor a list of turns")


def _answer(told: Any, model: Any) -> FoundAnswer:
    if (
        isinstance(told, list) and told and isinstance(told[-1], dict)
    ):  # a conversation that ends with it
        told = told[-1]
    if isinstance(told, dict):
        model = next(
            (told[name] for name in ("model", "model_version", "generator") if told.get(name)),
            model,
        )
        told = text_of(told)
    if not isinstance(told, str):
        raise BadRecord("has an answer that is no text")
    return FoundAnswer(told, str(model))


def _best(told: Any) -> int | None:
    if told is None:
        return None
    word = str(told).strip().lower()
    if re.fullmatch(r"[0-9]{1,2}|[a-p]", word):
        return _place(word)
    raise BadRecord(
        "says which answer is the best by what is neither its number from 1 nor its letter"
    )


def _place(word: str) -> int:
    """From 1 or A to a place from 0."""
    return int(word) - 1 if word.isdigit() else ord(word.lower()) - ord("a")


def _checked(found: FoundItem) -> FoundItem | str:
    text = found.text.strip()
    answers = [FoundAnswer(each.text.strip(), each.model.strip()[:80]) for each in found.answers]
    if not text:
        return "its question is empty"
    if len(text) > MAX_TEXT:
        return f"its question has {len(text)} characters, at most {MAX_TEXT} are taken"
    if len(answers) > MOST_ANSWERS:
        return f"at most {MOST_ANSWERS} answers come with a question"
    if any(len(each.text) > MAX_TURN for each in answers):
        return f"an answer has at most {MAX_TURN:,} characters"
    if any(not each.text for each in answers):
        return "one of its answers is empty"
    if len({each.text for each in answers}) < len(answers):
        return "two of its answers are the same"
    if found.best is not None and not 0 <= found.best < len(answers):
        return "it names a best answer that does not come with it"
    tags = list(dict.fromkeys(tag.strip()[:40] for tag in found.tags if tag.strip()))[:MOST_TAGS]
    return found._replace(text=text, tags=tags, answers=answers)
