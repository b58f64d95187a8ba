"""What the events of a page may be sent: every input by the kind of its component, and nothing that nests.

Gradio takes any value for any input, and whatever looks like one of its files ({"path", "meta"}) it copies into a
folder that it serves. So values are flat here: text, numbers, ticks and lists of text. A component that is not in
`KINDS` cannot be the input of an event; the app does not start with one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import gradio as gr

FIELDS = frozenset({"data", "event_data", "fn_index", "trigger_id", "session_hash"})
"""What the browser sends. Gradio would take more."""

SESSION = re.compile(r"[A-Za-z0-9]{1,64}")
"""A name that a browser's tab gives itself."""

FILE_KEYS = frozenset({"path", "url", "meta", "orig_name", "mime_type", "is_stream", "_type"})
"""What Gradio's files are made of; no act on a page is called so."""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tick(value: object) -> bool:
    return isinstance(value, bool)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


Check = Callable[[object], bool]

KINDS: Mapping[type, tuple[str, Check]] = {
    gr.Textbox: ("a text", _text),
    gr.HTML: ("a text", _text),
    gr.Radio: ("a text", _text),
    gr.Dropdown: ("a text", _text),
    gr.CheckboxGroup: ("a list of texts", _texts),
    gr.Checkbox: ("true or false", _tick),
    gr.Number: ("a number", _number),
}
"""What an input of each component is sent, in words and as a check. Each may also be null: nothing chosen."""


def _id(value: object) -> bool:
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN, _QUERY, _RESPONSE = ("a text", _text), ("an id", _id), ("an id", _id)

ACTS: Mapping[str, Mapping[str, tuple[str, Check]]] = {
    "ask": {"token": _TOKEN, "text": ("a text", _text)},
    "restore": {"token": _TOKEN},
    "regenerate": {"token": _TOKEN, "query_id": _QUERY, "response_id": _RESPONSE},
    "carry_on": {"token": _TOKEN, "query_id": _QUERY, "response_id": _RESPONSE},
}
"""What must come with an act that our own scripts trigger. Ids that may be missing are checked wherever they stand."""

IDS = ("query_id", "response_id", "previous")


@dataclass(frozen=True)
class Event:
    """One thing that a page can ask of Python."""

    index: int
    name: str
    inputs: tuple[tuple[str, Check], ...]
    act: Mapping[str, tuple[str, Check]] | None = None
    """What comes with it, if its handler reads that."""

    def __str__(self) -> str:
        """As the table of doors lists it."""
        return f"{self.name}({', '.join(words for words, _ in self.inputs)})"


def events_of(blocks: gr.Blocks) -> dict[int, Event]:
    """Every event of a page by its number. Raises TypeError for an input that nobody has thought about."""
    return {
        index: Event(index, _name(fn), tuple(_kind(each) for each in fn.inputs), _act(fn))
        for index, fn in blocks.fns.items()
        if fn.fn is not None
    }


def _act(fn: Any) -> Mapping[str, tuple[str, Check]] | None:
    hints = getattr(fn.fn, "__annotations__", {}).values()
    return ACTS.get(_name(fn), {}) if gr.EventData in hints else None


def _name(fn: Any) -> str:
    return getattr(fn.fn, "__name__", str(fn.name))


def _kind(component: object) -> tuple[str, Check]:
    try:
        return KINDS[type(component)]
    except KeyError:
        name = type(component).__name__
        raise TypeError(f"no door for a {name} as input: see KINDS in {__name__}") from None


def refusal(body: object, events: Mapping[int, Event]) -> tuple[int, str] | None:
    """(status, why) if this is not what one of these events is sent by its page; None if it is."""
    if not isinstance(body, dict) or not FIELDS.issuperset(body):
        return 422, f"an event is an object of {', '.join(sorted(FIELDS))}"
    index: object = body.get("fn_index")
    data = body.get("data")
    if not _whole(index) or index not in events:
        return 404, "this page has no such event"
    if not isinstance(session := body.get("session_hash"), str) or not SESSION.fullmatch(session):
        return 422, "session_hash: letters and digits, at most 64"
    if body.get("trigger_id") is not None and not _whole(body["trigger_id"]):
        return 422, "trigger_id: the number of a component"
    event = events[index]
    if not isinstance(data, list) or len(data) != len(event.inputs):
        return 422, f"data: a list of {len(event.inputs)}: {event}"
    for place, (value, (words, check)) in enumerate(zip(data, event.inputs, strict=True)):
        if value is not None and not check(value):
            return 422, f"data[{place}]: {words} is wanted here"
    return _act_refusal(event, body.get("event_data"))


def _act_refusal(event: Event, told: object) -> tuple[int, str] | None:
    if not _flat(told):
        return 422, "event_data: texts, numbers and ticks only, by their names or in a list"
    if event.act is None:
        return None
    if not isinstance(told, dict):
        return 422, f"event_data: an object with {', '.join(event.act) or 'names'}"
    wanted = {name: ("an id", _id) for name in IDS if told.get(name)} | dict(event.act)
    for name, (words, check) in wanted.items():
        if not check(told.get(name)):
            return 422, f"event_data: {name} is {words}"
    return None


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _flat(value: object) -> bool:
    if isinstance(value, dict):
        return FILE_KEYS.isdisjoint(value) and all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return _plain(value)


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)
