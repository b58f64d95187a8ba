"""An answer as blocks, whole or while it grows: then only what may still change is rendered again.

A block is closed once it cannot change any more, whatever comes: an empty line follows it, and after that a line that
is complete and begins another block. What is parsed again begins behind the last closed block. References of links
([name]: address) reach back, so they are known only when an answer has ended (`settled`).
"""

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from markdown_it.token import Token

from app.rendering.block import Block
from app.rendering.drawing import drawn, plain
from app.rendering.parsing import INSIDE, MAX_NESTING, THOUGHT, WITHIN, TooMuch, blocks_of
from app.rendering.places import Lines

log = logging.getLogger(__name__)

LONGEST = 40_000
"""A longer block is shown as it was written."""
MOST_TOKENS = 20_000
"""Likewise one of more pieces: a table is filled up with cells that nobody wrote."""
LONGEST_TEXT = 400_000
"""What is beyond that is one such block."""
AT_EASE = 1_000
SHARE = 100
"""What is open and longer than `AT_EASE` is rendered again once it is longer by a 100th: so no character costs more."""

_REFERENCE = re.compile(r"^[ \t>*+\-0-9.)]*\[[^\]]{1,999}\]:", re.MULTILINE)
"""Where an address may be given a name, in a list or a quotation too."""


def rendered(text: str) -> list[Block]:
    """The blocks of a whole answer."""
    return list(_blocks(_read(text, 0, "", {}), {}))


def as_written(text: str) -> list[Block]:
    """A whole answer as one block of plain text."""
    lines = Lines(text)
    start, end = _bare(lines.source, 0, len(text))
    if start == end:
        return []
    html, places = plain(lines, start, end)
    return [Block(start=start, end=end, html=html, map=places)]


class Growing:
    """An answer that is being written."""

    def __init__(self) -> None:
        self._text = ""
        self._closed: list[Block] = []
        self._open: list[Block] = []
        self._from = 0  # where the open ones begin in the text
        self._inside = ""  # the tag that is open there
        self._known: dict[str, Block] = {}  # of the open ones, by what they were made of
        self._has_settled = False

    def behind(self, text: str, is_over: bool) -> int:
        """How many characters have to be parsed to show the text, which has ended or has not."""
        if text == self._text and (self._has_settled or not is_over):
            return 0
        return len(text) if is_over and _REFERENCE.search(text) else len(text) - self._from

    def grown(self, text: str) -> list[Block]:
        """The blocks of the text so far; a long one that is still written may lag behind a little."""
        if not text.startswith(self._text):
            self.__init__()  # type: ignore[misc]
        more, long = len(text) - len(self._text), len(text) - self._from
        if more and (long <= AT_EASE or more * SHARE >= long):
            self._render(text)
        return [*self._closed, *self._open]

    def settled(self, text: str) -> list[Block]:
        """The blocks of the text, which has ended: the same as of `rendered`."""
        if text != self._text or not self._has_settled:
            if _REFERENCE.search(text):
                self._closed, self._open, self._from = [], rendered(text), 0
                self._text = text
            elif text != self._text:
                if not text.startswith(self._text):
                    self.__init__()  # type: ignore[misc]
                self._render(text)
            self._has_settled = True
        return [*self._closed, *self._open]

    def _render(self, text: str) -> None:
        self._text = text
        parse = _read(text[self._from :], self._from, self._inside, {})
        blocks = list(_blocks(parse, self._known))
        self._known = {
            parse.key(part): block for part, block in zip(parse.parts, blocks, strict=True)
        }
        first = parse.first_open()
        self._closed += blocks[:first]
        self._open = blocks[first:]
        if first:
            self._from += parse.begin(first)
            self._inside = parse.parts[first].thought


class _Part(NamedTuple):
    """The tokens of a block, from `start` to `end` in the source.

    until: where its lines end, with white space; thought: the tag that it stands in.
    """

    tokens: Sequence[Token]
    start: int
    end: int
    until: int
    thought: str


class _Parse(NamedTuple):
    """What was read of a text from `offset` on."""

    lines: Lines
    offset: int
    parts: list[_Part]
    env: dict[str, Any]

    def key(self, part: _Part) -> str:
        """What a part is made of."""
        written = self.lines.source[part.start : part.until]
        return f"{part.start + self.offset},{part.end + self.offset},{part.thought},{written}"

    def begin(self, number: int) -> int:
        """Where a part is to be read from: with the blanks that it begins with."""
        start = self.parts[number].start
        line = self.lines.starts[self.lines.line_at(start)]
        return start if self.lines.source[line:start].strip() else line

    def first_open(self) -> int:
        """The first part that may still change, or become part of the one before it."""
        source = self.lines.source
        for number in range(len(self.parts) - 1, 0, -1):
            start = self.parts[number].start
            line = self.lines.line_at(start)
            before = self.lines.starts[line - 1] if line else 0
            is_complete = source.find("\n", start) >= 0
            if line and is_complete and not source[before : self.lines.starts[line]].strip():
                return number
        return 0


def _read(text: str, offset: int, inside: str, references: dict[str, Any]) -> _Parse:
    env: dict[str, Any] = {INSIDE: inside, "references": references}
    lines = Lines(text)
    source = lines.source[:LONGEST_TEXT]
    try:
        parts = list(_parts(blocks_of(source, env), lines))
    except Exception:  # a fault in the parser must not take the answer away
        log.exception("an answer could not be read as Markdown, it is shown as it was written")
        start, end = _bare(source, 0, len(source))
        parts = [_Part((), start, end, end, inside)] if start < end else []
    if len(text) > LONGEST_TEXT:
        start, end = _bare(text, LONGEST_TEXT, len(text))
        parts.append(_Part((), start, end, end, ""))
    return _Parse(lines, offset, parts, env)


def _parts(tokens: list[Token], lines: Lines) -> Iterator[_Part]:
    begin = 0
    for number, token in enumerate(tokens):
        if token.level or token.nesting > 0:
            continue
        group, begin = tokens[begin : number + 1], number + 1
        first = group[0]
        assert first.map
        start, end = lines.span(first.map[0], first.map[1])
        after, before = first.meta.get(WITHIN, (start, end))
        start, end = _bare(lines.source, max(start, after), min(end, before))
        if first.type == "code_block":  # its first line is indented as the others are
            start = max(lines.starts[first.map[0]], after if WITHIN in first.meta else 0)
        until = lines.starts[min(first.map[1], len(lines.starts) - 1)]
        yield _Part(group, start, end, until, first.meta.get(THOUGHT, ""))


def _bare(source: str, start: int, end: int) -> tuple[int, int]:
    """From where to where, without white space at both ends."""
    text = source[start:end]
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def _blocks(parse: _Parse, known: dict[str, Block]) -> Iterator[Block]:
    for part in parse.parts:
        if known and (block := known.get(parse.key(part))):
            yield block
            continue
        try:
            made = (
                drawn(part.tokens, parse.lines, part.start, parse.env) if _is_drawn(part) else None
            )
        except TooMuch:
            made = None
        except Exception:  # a fault in a lexer, say, must not take the answer away
            log.exception("a block could not be rendered, it is shown as it was written")
            made = None
        made = made or plain(parse.lines, part.start, part.end)
        start, end = part.start + parse.offset, part.end + parse.offset
        yield Block(start=start, end=end, html=made[0], map=made[1], thought=bool(part.thought))


def _is_drawn(part: _Part) -> bool:
    """Whether a part can be drawn in time, and the parser has left nothing of it out."""
    return (
        0 < len(part.tokens) <= MOST_TOKENS
        and part.end - part.start <= LONGEST
        and all(token.level < MAX_NESTING - 1 or token.nesting <= 0 for token in part.tokens)
    )
