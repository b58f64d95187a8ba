"""Forgetting a person in the folders of training runs: in the frozen data, and in what runs wrote of their questions.

A run whose frozen data holds lines of the person is cleaned: their lines go; answers to their questions go from samples
and result, unless somebody else in the same data asked the same; in the log their words are struck out; a checkpoint
that holds their words goes too, and the run then resumes from its beginning, on the data that is left. What a model has
learned from them stays. Runs that never held their data are left alone. Knows folders, no database and no process.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

GONE = "(erased)"
SHORTEST = 8
"""Words this long, in characters, are looked for inside other texts too; shorter ones only as a whole text."""

_DATA = ("triplets.jsonl", "comparisons.jsonl")


def holds(folder: Path, person_id: UUID) -> bool:
    """Whether the frozen data of this run has lines of the person."""
    return any(_is_theirs(line, person_id) for file in _data(folder) for line in _lines(file))


def forget_in_run(folder: Path, person_id: UUID) -> None:
    """Clean one run's folder. Nobody may be training on it. The data comes last, so that it can be repeated."""
    if not holds(folder, person_id):
        return
    words = _words(folder, person_id)
    _rewrite_lines(folder / "samples.jsonl", words)
    for name in ("result.json", "answers.json", "failed.json"):
        _rewrite_json(folder / name, words)
    _strike_out(folder / "log.txt", words)
    if any(words.in_bytes(file) for file in (folder / "checkpoint").glob("*")):
        for file in (folder / "checkpoint").glob("*"):
            file.unlink(missing_ok=True)
    for draft in (*folder.glob(".*.tmp"), *(folder / "data").glob(".*.part")):
        draft.unlink(missing_ok=True)
    for file in _data(folder):
        _keep(file, (line for line in _lines(file) if not _is_theirs(line, person_id)))


class _Words:
    """What a person said in one run's data, but for what others said there as well."""

    def __init__(self, theirs: set[str]) -> None:
        self.theirs = theirs
        self._inside = sorted((each for each in theirs if len(each) >= SHORTEST), key=len)
        self._forms = {form for each in self._inside for form in _written(each)}

    def in_text(self, text: str) -> bool:
        """Whether a text is theirs or repeats them."""
        return text.strip() in self.theirs or any(each in text for each in self._inside)

    def in_value(self, value: Any) -> bool:
        """Whether any text within JSON is."""
        if isinstance(value, str):
            return self.in_text(value)
        parts = value.values() if isinstance(value, dict) else value
        return isinstance(value, dict | list) and any(self.in_value(each) for each in parts)

    def in_bytes(self, file: Path) -> bool:
        """Whether a file holds them in any of the ways in which texts are written."""
        content = file.read_bytes()
        return any(form in content for form in self._forms)

    def struck(self, content: bytes) -> bytes:
        """The content with them covered, as long as it was."""
        for form in self._forms:
            content = content.replace(form, b"#" * len(form))
        return content


def _written(text: str) -> Iterator[bytes]:
    """A text as it stands in a file: plain, as JSON, as JSON of ASCII, as Python shows it."""
    yield text.encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield json.dumps(text)[1:-1].encode()
    yield repr(text)[1:-1].encode()


def _words(folder: Path, person_id: UUID) -> _Words:
    theirs: set[str] = set()
    others: set[str] = set()
    for file in _data(folder):
        for line in _lines(file):
            said = theirs if _is_theirs(line, person_id) else others
            said.update(_said(line))
    return _Words(theirs - others)


def _said(line: bytes) -> Iterator[str]:
    """The words of a person in a line of data: their questions, and what they wrote about the answers."""
    try:
        record = json.loads(line)
    except ValueError:
        return
    acts = record.get("behavior_features") or {}
    notes = [mark.get("note") for mark in acts.get("marks") or ()]
    for found in (
        record.get("query"),
        *_asked_before(record),
        acts.get("edited_text"),
        acts.get("comment"),
        *notes,
    ):
        if isinstance(found, str) and found.strip():
            yield found.strip()


def _asked_before(record: dict[str, Any]) -> Iterator[str]:
    """The earlier questions of a conversation."""
    for history in (record.get("history"), *(record.get("histories") or ())):
        yield from (each["content"] for each in history or () if each["role"] == "user")


def _is_theirs(line: bytes, person_id: UUID) -> bool:
    return f'"{person_id}"'.encode() in line


def _data(folder: Path) -> list[Path]:
    return [file for name in _DATA if (file := folder / "data" / name).exists()]


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from lines


def _keep(file: Path, lines: Iterator[bytes]) -> None:
    """Write the file anew, whole or not at all."""
    draft = file.with_name(f".{file.name}.part")
    with draft.open("wb") as kept:
        kept.writelines(lines)
        kept.flush()
        os.fsync(kept.fileno())
    draft.replace(file)


def _rewrite_lines(file: Path, words: _Words) -> None:
    if file.exists():
        _keep(file, (line for line in _lines(file) if not _speaks(line, words)))


def _speaks(line: bytes, words: _Words) -> bool:
    try:
        return words.in_value(json.loads(line))
    except ValueError:  # a torn or damaged line cannot be judged
        return True


def _rewrite_json(file: Path, words: _Words) -> None:
    if not file.exists():
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        file.unlink()  # damaged: nobody can read it, and nobody can tell what it holds
        return
    cleaned = json.dumps(_without(found, words), indent=2, ensure_ascii=False) + "\n"
    _keep(file, iter([cleaned.encode()]))


def _without(value: Any, words: _Words) -> Any:
    """JSON without them: items of a list that are about them go, other texts of theirs are replaced."""
    if isinstance(value, str):
        return GONE if words.in_text(value) else value
    if isinstance(value, dict):
        return {name: _without(each, words) for name, each in value.items()}
    if isinstance(value, list):
        about = [isinstance(each, dict) and words.in_value(each) for each in value]
        return [
            _without(each, words)
            for each, is_theirs in zip(value, about, strict=True)
            if not is_theirs
        ]
    return value


def _strike_out(file: Path, words: _Words) -> None:
    """Within the file itself: a process may have it open to write more."""
    if not file.exists() or not words.in_bytes(file):
        return
    with file.open("r+b") as log:
        content = log.read()
        log.seek(0)
        log.write(words.struck(content))
