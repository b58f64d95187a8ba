"""Tokens of one block as HTML, and the map from its text back to the source.

The text of the HTML is counted while it is written, and no white space is written between tags: so the map can tell of
each character where it stands in the source. What it tells is checked against the source first.
"""

import html
from collections.abc import Sequence
from typing import Any

from markdown_it.token import Token

from app.rendering.code import coloured
from app.rendering.formulas import as_mathml
from app.rendering.parsing import AT, WITHIN, lines_of
from app.rendering.places import Content, Lines
from app.rendering.sanitising import sanitised

SIMPLE = {
    "blockquote_close": "</blockquote>",
    "paragraph_open": "<p>", "paragraph_close": "</p>", "heading_close": "</p>",
    "bullet_list_close": "</ul>", "ordered_list_close": "</ol>", "list_item_close": "</li>",
    "list_item_open": "<li>", "hr": "<hr>", "table_close": "</table></div>",
    "table_open": '<div class="wide" tabindex="0" role="group" aria-label="Table"><table dir="auto">',
    "thead_open": "<thead>", "thead_close": "</thead>", "tbody_open": "<tbody>", "tbody_close": "</tbody>",
    "tr_open": "<tr>", "tr_close": "</tr>", "th_close": "</th>", "td_close": "</td>",
    "em_open": "<em>", "em_close": "</em>", "strong_open": "<strong>", "strong_close": "</strong>",
    "s_open": "<del>", "s_close": "</del>", "link_close": "</a>", "softbreak": "<br>", "hardbreak": "<br>",
}  # fmt: skip
"""Headings are paragraphs that look like headings: those of answers would get between those of the page."""
WIDE_FORMULA = 24
"""Longer ones may be wider than their place, and can be scrolled by keys."""
TASKS = {"[ ] ": "to do", "[x] ": "done", "[X] ": "done"}


def drawn(
    tokens: Sequence[Token], lines: Lines, start: int, env: dict[str, object]
) -> tuple[str, str]:
    """The HTML and the map of the block of these tokens, which begins at `start` in the source of `lines`."""
    drawing = _Drawing(lines, start, env)
    for number in range(len(tokens)):
        drawing.block(tokens, number)
    return sanitised("".join(drawing.parts)), drawing.map()


def plain(lines: Lines, start: int, end: int) -> tuple[str, str]:
    """The same of a block that is shown as it was written."""
    drawing = _Drawing(lines, start, {})
    drawing.tag('<p class="plain" dir="auto">')
    drawing.text(lines.source[start:end], start)
    drawing.tag("</p>")
    return sanitised("".join(drawing.parts)), drawing.map()


class _Drawing:
    def __init__(self, lines: Lines, start: int, env: dict[str, object]) -> None:
        self.lines = lines
        self.source = lines.source
        self.start = start
        self.env = env
        self.parts: list[str] = []
        self.length = 0  # of the text so far
        self.runs: list[list[int]] = []

    def map(self) -> str:
        return " ".join(",".join(map(str, run)) for run in self.runs)

    # --- writing --------------------------------------------------------------------------------

    def tag(self, text: str) -> None:
        self.parts.append(text)

    def text(self, text: str, place: int = -1) -> None:
        """Write text that stands at `place` in the source, if that is known."""
        self.parts.append(html.escape(text))
        self.stands(self.length, text, place)
        self.length += len(text)

    def stands(self, at: int, text: str, place: int) -> None:
        """Note that the text at `at` stands at `place` in the source, if it does."""
        if not text or place < self.start or not self.source.startswith(text, place):
            return
        for begin, end in self.lines.as_written(place, place + len(text)):
            self._run(at + begin - place, begin - self.start, end - begin)

    def _run(self, at: int, place: int, length: int) -> None:
        last = self.runs[-1] if self.runs else []
        if len(last) == 3 and last[0] + last[2] == at and last[1] + last[2] == place:
            last[2] += length
        else:
            self.runs.append([at, place, length])

    def reads(self, shown: int, begin: int, end: int) -> None:
        """Note that the next `shown` characters are written otherwise in the source, from `begin` to `end`."""
        if shown and begin >= self.start and end > begin:
            self.runs.append([self.length, begin - self.start, shown, end - begin])
        self.length += shown

    # --- blocks ---------------------------------------------------------------------------------

    def block(self, tokens: Sequence[Token], number: int) -> None:
        token = tokens[number]
        match token.type:
            case "inline":
                self._inline(token, [each.type for each in tokens[max(0, number - 2) : number]])
            case "paragraph_open" if not token.level:
                self.tag('<p dir="auto">')
            case "heading_open":
                self.tag(f'<p class="title title-{token.tag[1:]}"{_way(token)}>')
            case "blockquote_open":
                self.tag(f"<blockquote{_way(token)}>")
            case "bullet_list_open" | "ordered_list_open":
                loose = ' class="loose"' if _is_loose(tokens[number:]) else ""
                first = token.attrs.get("start")
                count = f' start="{first}"' if first is not None else ""
                self.tag(f"<{token.tag}{_way(token)}{loose}{count}>")
            case "th_open" | "td_open":
                side = str(token.attrs.get("style", "")).rpartition(":")[2]
                aligned = f' class="{side}"' if side in ("center", "right") else ""
                self.tag(f"<{token.tag}{aligned}>")
            case "fence" | "code_block":
                self._code(token)
            case "math_block":
                self._display(token)
            case _:
                self.tag(SIMPLE[token.type])

    def _code(self, token: Token) -> None:
        assert token.map
        is_fence = token.type == "fence"
        words = token.info.split() if is_fence else []
        language = words[0] if words else ""
        self.tag('<figure class="code"><figcaption data-chrome="">')
        self.tag(html.escape(language[:40]))
        self.tag(
            '</figcaption><button type="button" data-copy-code="" data-chrome="">Copy</button>'
        )
        self.tag('<pre tabindex="0" dir="ltr"><code>')
        code = token.content.removesuffix("\n")
        after = token.meta.get(WITHIN, (0, 0))[0]
        content = self.lines.of(code, token.map[0] + is_fence, after)
        at = 0
        for line in code.splitlines(keepends=True):
            self.stands(self.length + at, line, content.place(at))
            at += len(line)
        for name, text in coloured(code, language):
            piece = html.escape(text)
            self.tag(f'<span class="{name}">{piece}</span>' if name else piece)
        self.length += len(code)
        self.tag("</code></pre></figure>")

    def _display(self, token: Token) -> None:
        assert token.map
        begin, end = self.lines.span(*token.map)
        scrolls = ' tabindex="0"' if len(token.content) > WIDE_FORMULA else ""
        self.tag(f'<div class="formula"{scrolls}>')
        self._formula(token.content, True, begin, end)
        self.tag("</div>")

    def _formula(self, latex: str, display: bool, begin: int, end: int) -> None:
        """A formula that stands from `begin` to `end` in the source."""
        if made := as_mathml(latex.strip(), display):
            self.tag(made[0])
            self.reads(made[1], begin, end)
        else:
            self.tag('<span class="wrong">')
            self.text(self.source[begin:end] if 0 <= begin < end else latex, begin)
            self.tag("</span>")

    # --- in a line ------------------------------------------------------------------------------

    def _inline(self, token: Token, before: list[str]) -> None:
        """What stands in a block; `before`: the types of the two tokens before it."""
        assert token.map
        written = token.content
        if before[-1] in ("th_open", "td_open"):
            content = self.lines.of_cell(written, token.map[0])
        else:
            after = token.meta.get(WITHIN, (0, 0))[0]
            content = self.lines.of(written, token.map[0], after)
        if before[0] == "list_item_open" and written[:4] in TASKS:
            self._task(written[:4], content)
            written, content = written[4:], content.after(4)
        tokens = lines_of(written, self.env)
        cursor = 0
        for number, each in enumerate(tokens):
            at: Any = each.meta.get(AT, 0)
            pieces = at if at and isinstance(at, list) else [(0, max(cursor, at or 0))]
            begin: int = pieces[0][1]
            match each.type:
                case "text":
                    cursor = self._text(each.content, pieces, content)
                case "code_inline":
                    cursor = self._code_inline(each, begin, written, content)
                case "link_open":
                    address = html.escape(str(each.attrs.get("href", "")))
                    self.tag(f'<a role="link" tabindex="0" data-address="{address}">')
                    cursor = begin + (each.markup == "autolink")
                case "math_inline" | "math_inline_double" | "text_special" | "image":
                    end = _begin_of(tokens, number + 1, len(written))
                    cursor = begin + len(written[begin:end].rstrip())
                    self._otherwise(each, content.place(begin), content.place(cursor))
                case _:
                    self.tag(SIMPLE[each.type])

    def _text(self, text: str, pieces: list[tuple[int, int]], content: Content) -> int:
        end = 0
        for number, (first, at) in enumerate(pieces):
            after = pieces[number + 1][0] if number + 1 < len(pieces) else len(text)
            self.text(text[first:after], content.place(at))
            end = at + after - first
        return end

    def _task(self, mark: str, content: Content) -> None:
        box = "\N{BALLOT BOX}" if mark == "[ ] " else "\N{BALLOT BOX WITH CHECK}"
        self.tag(f'<span class="task" role="img" aria-label="{TASKS[mark]}">{box}</span>')
        self.reads(1, content.place(0), content.place(0) + 3)

    def _code_inline(self, token: Token, begin: int, written: str, content: Content) -> int:
        shown, at = token.content, begin + len(token.markup)
        at += written[at : at + len(shown)].replace("\n", " ") != shown  # a blank is taken off
        self.tag("<code>")
        for number, part in enumerate(written[at : at + len(shown)].split("\n")):
            if number:
                self.text(" ")
                at += 1
            self.text(part, content.place(at))
            at += len(part)
        self.tag("</code>")
        return at

    def _otherwise(self, token: Token, begin: int, end: int) -> None:
        """What reads otherwise than it was written, from `begin` to `end`."""
        match token.type:
            case "text_special":
                self.tag(html.escape(token.content))
                self.reads(len(token.content), begin, end)
            case "image":
                address = str(token.attrs.get("src", ""))
                self.tag('<span class="image"><span data-chrome="">Image</span><span>')
                self.tag(html.escape(token.content) + '</span><span class="address">')
                self.tag(html.escape(address) + "</span></span>")
                self.reads(len(token.content) + len(address), begin, end)
            case _:
                double = token.type == "math_inline_double"
                name = "formula" + " shown" * double
                if len(token.content) > WIDE_FORMULA:
                    self.tag(f'<span class="{name} long" tabindex="0">')
                else:
                    self.tag(f'<span class="{name}">')
                self._formula(token.content, double, begin, end)
                self.tag("</span>")


def _way(token: Token) -> str:
    """The way a block runs is that of its first letters; what is within it is left to the style sheet.

    For an element with a `dir` of its own does not count for the one around it.
    """
    return "" if token.level else ' dir="auto"'


def _is_loose(tokens: Sequence[Token]) -> bool:
    """Whether there are empty lines between the items of the list that the tokens begin with, or in them."""
    level = tokens[0].level
    for token in tokens[1:]:
        if token.level == level:
            break
        if token.type == "paragraph_open" and token.level == level + 2:
            return not token.hidden
    return False


def _begin_of(tokens: Sequence[Token], number: int, otherwise: int) -> int:
    """Where the token of this number begins in the content, or the first after it that is known to be anywhere."""
    while number < len(tokens):
        at = tokens[number].meta.get(AT)
        if isinstance(at, int):
            return at
        if at:
            return int(at[0][1])
        number += 1
    return otherwise
