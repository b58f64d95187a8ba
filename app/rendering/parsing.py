"""Markdown as markdown-it reads it, with formulas and thoughts, every piece of text with its place in the source.

Gives tokens; `drawing.py` makes HTML of them. A line of an inline token's content is found in the source by what it
says (`places.py`); within the content, a token tells its place in `meta["at"]`: where it begins there, or for text
that was put together of several pieces, a list of (place in the text, place in the content).
"""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock, blockquote, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.dollarmath.index import math_inline_dollar

AT = "at"
THOUGHT, WITHIN = "thought", "within"
"""In the `meta` of a block's token, where thoughts begin or end in mid-line: which tag is open, and (from, to)."""
INSIDE = "inside"
"""In the environment of a parse: the name of the tag that is open where the source begins."""
DEEP, RESTS = "deep", "rests"
"""In the environment: whether we are within thoughts; after how many some text followed on the same line."""
MAX_RESTS = 20
MAX_NESTING = 20
"""Deeper lists and quotations are not told apart any more: `drawing.py` shows such a block as it was written."""
MOST_LINES = 60
"""Of a formula; else each of many that are opened and never closed would be looked for to the end."""
STEPS = "steps"
"""In the environment: how many steps ahead may still be taken in the lines that are parsed."""
STEPS_EACH = 4
"""Steps ahead for each character, to find where the name of a link ends. What people write takes half of one; brackets
that are opened and never closed take as many as there are brackets.
"""
CELLS_EACH = 2
"""Tokens of tables for each character of a text. A cell that somebody wrote takes one and a half; those that short rows
are filled up with are written by nobody, a hundred for each character of a wide table.
"""
QUOTED_EACH = 6
"""Lines of quotations for each line of a text: one within another within another looks at each line again and again."""
SPARE = 2_000
"""So many of each are there for short texts."""
SCHEMES = ("http", "https", "mailto")
"""What a link may lead to."""

_DISPLAYS = {"$$": "$$", r"\[": r"\]"}
_OPENS = re.compile(r"<(think|thinking)>")


class TooMuch(Exception):
    """To read this as Markdown would take longer than its length allows."""


class _PlacedState(StateInline):
    """Notes where each token stands in the content that is parsed."""

    def __init__(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> None:
        super().__init__(src, md, env, tokens)
        self._pieces: list[tuple[int, int]] = []
        self._written = 0

    def append_pending(self, text: str) -> None:
        self._pieces.append((self._written, self.pos))
        self._written += len(text)
        super().append_pending(text)

    def pushPending(self) -> Token:  # noqa: N802
        token = super().pushPending()
        token.meta[AT] = [piece for piece in self._pieces if piece[0] < len(token.content)]
        self._pieces, self._written = [], 0
        return token

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        if not self.pending:  # all of it was blanks at the end of a line, which are dropped
            self._pieces, self._written = [], 0
        token = super().push(ttype, tag, nesting)
        token.meta[AT] = self.pos
        return token


class _PlacedInline(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """As the parent's, by a state that notes places."""
        state = _PlacedState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens

    def skipToken(self, state: StateInline) -> None:  # noqa: N802
        """As the parent's, but not for ever. Raises TooMuch."""
        state.env[STEPS] -= 1
        if state.env[STEPS] < 0:
            raise TooMuch
        super().skipToken(state)


class _CountedState(StateBlock):
    """Counts the tokens of tables and the lines of quotations."""

    def __init__(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> None:
        super().__init__(src, md, env, tokens)
        self.cells_left = CELLS_EACH * len(src) + SPARE
        self.quoted_left = QUOTED_EACH * self.lineMax + SPARE

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        if self.parentType == "table":
            self.cells_left -= 1
            if self.cells_left < 0:
                raise TooMuch
        return super().push(ttype, tag, nesting)


def _table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A table; one that would be filled up without end is none, and what was tried of it is not given back."""
    before, parent, level = len(state.tokens), state.parentType, state.level
    try:
        return table(state, start_line, end_line, silent)
    except TooMuch:
        del state.tokens[before:]
        state.parentType, state.level = parent, level
        return False


def _quotation(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A quotation; beyond what may be looked at, its marks are text."""
    assert isinstance(state, _CountedState)
    if not silent and state.src.startswith(
        ">", state.bMarks[start_line] + state.tShift[start_line]
    ):
        last = start_line
        while last < end_line and not state.isEmpty(last):
            last += 1
        state.quoted_left -= last - start_line
        if state.quoted_left < 0:
            return False
    return blockquote(state, start_line, end_line, silent)


def may_be_linked(address: str) -> bool:
    """Whether a link to this address is one."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in SCHEMES and bool(parts.netloc or parts.scheme == "mailto")


def _formula(state: StateInline, silent: bool) -> bool:
    r"""`\( \)` and `\[ \]` in a line. The dollars are the plugin's."""
    opener = state.src[state.pos : state.pos + 2]
    if opener not in (r"\(", r"\["):
        return False
    closer = r"\)" if opener == r"\(" else r"\]"
    if state.html_terminator_last(closer) < state.pos:  # it is found once, however many are opened
        return False
    end = state.src.find(closer, state.pos + 2, state.posMax)
    content = state.src[state.pos + 2 : end]
    if end < 0 or not content.strip():
        return False
    if not silent:
        token = state.push("math_inline" if closer == r"\)" else "math_inline_double", "math", 0)
        token.content, token.markup = content, opener
    state.pos = end + 2
    return True


def _display(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""`$$` or `\[` at the beginning of a line up to its end at the end of one, without a blank line between."""
    begin = state.bMarks[start_line] + state.tShift[start_line]
    opener = state.src[begin : begin + 2]
    if opener not in _DISPLAYS or state.is_code_block(start_line):
        return False
    closer = _DISPLAYS[opener]
    for line in range(start_line, min(end_line, start_line + MOST_LINES)):
        first = begin + 2 if line == start_line else state.bMarks[line] + state.tShift[line]
        text = state.src[first : state.eMarks[line]].rstrip()
        if line > start_line and (not text or state.sCount[line] < state.blkIndent):
            return False
        if closer not in text:
            continue
        content = state.getLines(start_line, line + 1, state.blkIndent, False).strip()[2:-2]
        if text.find(closer) < len(text) - 2 or not content.strip():
            return False
        if not silent:
            token = state.push("math_block", "math", 0)
            token.block, token.content, token.markup = True, content, opener
            token.map = [start_line, line + 1]
            state.line = line + 1
        return True
    return False


def _thoughts(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """What stands between <think> and </think> is noted as thoughts; its blocks are blocks like all others."""
    if silent or state.level or state.env.get(DEEP):
        return False
    tag, begin = state.env.pop(INSIDE, ""), state.bMarks[start_line]
    if not tag:
        begin += state.tShift[start_line]
        opens = _OPENS.match(state.src, begin, state.eMarks[start_line])
        if state.is_code_block(start_line) or not opens:
            return False
        tag, begin = opens[1], opens.end()
    closer = f"</{tag}>"
    end = state.src.find(closer, begin)
    if end < 0:
        end = len(state.src)
    last_line = start_line
    while last_line + 1 < end_line and state.eMarks[last_line] < end:
        last_line += 1
    usual, state.eMarks[last_line] = state.eMarks[last_line], min(end, state.eMarks[last_line])
    state.env[DEEP] = True
    _read(state, begin, start_line, last_line + 1, {THOUGHT: tag, WITHIN: (begin, end)})
    state.env[DEEP] = False
    state.eMarks[last_line] = usual
    end += len(closer)
    state.line = last_line + 1
    if state.src[end:usual].strip():
        _read_rest(state, end, last_line, end_line)
    return True


def _read_rest(state: StateBlock, begin: int, line: int, end_line: int) -> None:
    """What follows thoughts on the line on which they end, and all after it."""
    state.env[RESTS] = rests = state.env.get(RESTS, 0) + 1
    if (
        rests > MAX_RESTS
    ):  # such a line is taken for itself, with no more thoughts in it, or we would go ever deeper
        end_line = line + 1
        state.env[DEEP] = True
    _read(state, begin, line, end_line, {WITHIN: (begin, len(state.src))})
    state.env[DEEP] = False
    state.line = end_line


def _read(state: StateBlock, begin: int, line: int, end_line: int, meta: dict[str, Any]) -> None:
    """Parse lines, the first of them from `begin` on; their tokens carry `meta`."""
    state.bMarks[line] = begin
    blanks = 0
    while begin + blanks < state.eMarks[line] and state.src[begin + blanks] in " \t":
        blanks += 1
    state.tShift[line] = state.sCount[line] = blanks
    before = len(state.tokens)
    # A paragraph reads on to the last line that the state knows of, whatever end it is given.
    usual, state.lineMax = state.lineMax, end_line
    state.md.block.tokenize(state, line, end_line)
    state.lineMax = usual
    for token in state.tokens[before:]:
        token.meta = {**meta, **token.meta}


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.inline = _PlacedInline()
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.at(
        "blockquote", _quotation, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline"])
    parser.inline.ruler2.disable("fragments_join")  # it joins texts whose places differ
    for name, inline in (
        ("formula", _formula),
        ("dollars", math_inline_dollar(False, False, True)),
    ):
        parser.inline.ruler.before("escape", name, inline)
    parser.inline.add_terminator_char("$")
    ends = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "display", _display, {"alt": ends})
    parser.block.ruler.before("table", "thoughts", _thoughts)
    parser.validateLink = may_be_linked  # type: ignore[assignment, method-assign]
    return parser


_PARSER = _parser()


def blocks_of(source: str, env: dict[str, Any]) -> list[Token]:
    """The tokens of the blocks; what stands in their lines is parsed by `lines_of`."""
    if not source:
        return []
    state = _CountedState(source, _PARSER, env, [])
    _PARSER.block.tokenize(state, state.line, state.lineMax)
    return state.tokens


def lines_of(content: str, env: dict[str, Any]) -> list[Token]:
    """The tokens of an inline token's content. Raises TooMuch."""
    env[STEPS] = STEPS_EACH * len(content) + SPARE
    return _PARSER.inline.parse(content, _PARSER, env, [])
