"""What a model wrote, as blocks: nothing lost, nothing alive, each character in its place, grown as it is whole."""

import re
import sys
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from app.rendering import Block, Growing, code, formulas, growing, rendered
from tests.awkward import ANSWERS

VOID = ("br", "hr")
PIECES = [
    "a", "b c", "*", "**", "_", "`", "``", "```", "~~~", "~~", "\n", "\n\n", "\n    ", "  ", "\t", "- ", "1. ", "2) ",
    "# ", "> ", "| a | b |\n|---|---|\n", "|", "\n| - |", "---", "***", "=", "$", "$$", "$x$", "$$\nx\n$$", "\\(x\\)",
    "\\[", "\\]", "\\", "<think>", "</think>", "<thinking>", "&amp;", "&", "[", "]", "(", "https://a.b/",
    "](https://x.y)", "![", "<https://q.r>", "[ ] ", "- [x] ", "é漢🙂", "\r\n", "\r", "<b>", "x\n***\n", "\n=\n",
    "- a\n\n", "1. a\n\n", "```py\nx=1\n```\n", "[a]: https://b.c\n", "\0",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


class Reader(HTMLParser):
    """What is read of some HTML: its text without what the page adds, its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._is_chrome: list[bool] = []
        self.feed(html)
        self.close()
        assert not self._is_chrome, html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._is_chrome.append("data-chrome" in dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self._is_chrome.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._is_chrome):
            self.text += data


def runs(block: Block) -> list[list[int]]:
    return [[int(number) for number in run.split(",")] for run in block.map.split()]


def assert_in_place(text: str, blocks: list[Block]) -> None:
    """Blocks stand one after the other, and each run of a map says in the text what it shows."""
    ends = 0
    for block in blocks:
        assert ends <= block.start <= block.end <= len(text)
        ends = block.end
        shown, at = Reader(block.html).text, 0
        for begin, place, length, *written in runs(block):
            assert at <= begin
            at = begin + length
            assert at <= len(shown)
            source = text[block.start + place :][: written[0] if written else length]
            assert written or shown[begin:at] == source
            assert block.start + place + len(source) <= len(text)


def html_of(text: str) -> str:
    return "".join(block.html for block in rendered(text))


def tags_of(text: str) -> list[str]:
    return [tag for tag, _ in Reader(html_of(text)).tags]


# --- growing ----------------------------------------------------------------------------------------


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
@example("1. a\n\n2. b")
@example("a\n***b***")
@example("<think>a\n\nb</think>c\n\nd")
@example("\n    code \n\n    more\n\ntext\n")
@example("a\r\n\r\nb\rc")
def test_what_grows_piece_by_piece_is_at_all_times_what_the_whole_text_gives(text: str) -> None:
    grows = Growing()
    for length in range(len(text) + 1):
        so_far = text[:length]
        blocks = grows.grown(so_far)
        if not growing._REFERENCE.search(so_far) and not so_far.endswith("\r"):
            assert blocks == rendered(so_far)
    assert grows.settled(text) == rendered(text)
    assert_in_place(text, rendered(text))


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_is_rendered_and_in_place(text: str) -> None:
    assert_in_place(text, rendered(text))


@pytest.mark.parametrize("name", ANSWERS)
def test_an_awkward_answer_grows_to_what_it_is(name: str) -> None:
    text, grows = ANSWERS[name], Growing()
    for length in range(0, len(text), 7):
        assert_in_place(text[:length], grows.grown(text[:length]))
    assert grows.settled(text) == rendered(text)
    assert_in_place(text, rendered(text))


def test_a_closed_block_is_made_once_and_stays_what_it_was() -> None:
    grows = Growing()
    first = grows.grown("One.\n\nTwo.\n\nThree")
    later = grows.grown("One.\n\nTwo.\n\nThree and *four*\n\n```\nx")
    assert all(was is now for was, now in zip(first[:2], later[:2], strict=True))
    assert later[2] != first[2]


def test_the_address_of_a_reference_is_known_when_the_answer_has_ended() -> None:
    text = "See [the book].\n\nMore.\n\n[the book]: https://example.org/book\n"
    grows = Growing()
    grows.grown(text[:24])
    assert "data-address" not in grows.grown(text)[0].html
    assert 'data-address="https://example.org/book"' in grows.settled(text)[0].html


def test_a_text_that_is_another_begins_afresh() -> None:
    grows = Growing()
    grows.grown("One.\n\nTwo.\n\nThree.")
    assert grows.settled("Two.") == rendered("Two.")


def test_a_long_open_block_is_rendered_again_for_each_hundredth() -> None:
    grows, text = Growing(), "word " * 2_000
    before = grows.grown(text)
    assert grows.grown(text + "more ")[0] is before[0]
    assert grows.grown(text + "more " * 30)[0].end > before[0].end
    assert grows.settled(text + "more ") == rendered(text + "more ")


# --- what is shown ----------------------------------------------------------------------------------


def test_markdown_is_what_people_expect() -> None:
    text = (
        "# One\n\nA **b** *c* ~~d~~ `e`\nnext\n\n1. x\n2. y\n\n- [ ] todo\n- [x] done\n\n> q\n\n---\n\n"
        "| l | r |\n|---|--:|\n| 1 | 2 |\n"
    )
    tags = tags_of(text)
    for tag in (
        "strong",
        "em",
        "del",
        "code",
        "br",
        "ol",
        "ul",
        "blockquote",
        "hr",
        "table",
        "th",
        "td",
    ):
        assert tag in tags, tag
    html = html_of(text)
    assert '<p class="title title-1" dir="auto">One</p>' in html  # no heading of the page's
    assert 'aria-label="to do">☐' in html
    assert 'aria-label="done">☑' in html
    assert '<td class="right">2</td>' in html


def test_the_way_of_a_block_is_that_of_its_first_letters_whatever_is_in_it() -> None:
    for text in ("- א\n- a", "> א\n>\n> - a", "1. א", "| א | b |\n|---|---|\n| 1 | 2 |"):
        ways = [tag for tag, attributes in Reader(html_of(text)).tags if "dir" in attributes]
        assert len(ways) == 1, ways


@pytest.mark.parametrize(
    "text", ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]", "So:\n$$\nx^2\n= 4\n$$\nyes"]
)
def test_formulas_are_mathml_however_they_are_marked(text: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html_of(text)


def test_what_is_no_formula_stays_text() -> None:
    for text in ("It costs $5 and then $10.", "$x", "a \\( b", "\\[ a\n\nb \\]", "$$\na\n\nb\n$$"):
        assert "<math" not in html_of(text)
    assert "unknowncommand" in Reader(html_of("$\\unknowncommand{x}$")).text
    bad = "So $\\frac{$ is wrong."
    assert Reader(html_of(bad)).text == bad
    assert "formula" not in tags_of(bad)


@pytest.mark.parametrize(
    "name", ["align", "aligned", "alignedat", "gather", "gathered", "eqnarray", "split", "cases"]
)
def test_lines_of_a_formula_stand_under_each_other(name: str) -> None:
    columns = "{2}" if name == "alignedat" else ""
    text = (
        f"$$\\begin{{{name}}}{columns} a &= b \\\\ &= c \\label{{x}} \\nonumber \\end{{{name}}}$$"
    )
    assert html_of(text).count("<mtr>") == 2, html_of(text)


def test_formulas_carry_nothing_but_the_formula() -> None:
    text = (
        "$\\href{javascript:alert(1)}{x}$ $\\class{evil}{y}$ $\\color{red}{z}$ "
        "$\\text{<img src=x onerror=alert(1)>}$"
    )
    reader = Reader(html_of(text))
    assert {name for _, attributes in reader.tags for name in attributes} <= {
        "class",
        "dir",
        "display",
        "tabindex",
    }
    assert "<img\xa0src=x\xa0onerror=alert(1)>" in reader.text
    assert "img" not in {tag for tag, _ in reader.tags}


def test_code_has_colours_a_language_and_all_its_characters() -> None:
    text = "```python\n\ndef f(x):\n    return 'x'  # so\n\n```"
    html = html_of(text)
    assert '<figcaption data-chrome="">python</figcaption>' in html
    assert '<span class="k">def</span>' in html
    assert Reader(html).text == "\ndef f(x):\n    return 'x'  # so\n"
    assert Reader(html_of("```never-heard-of\na <b>\n```")).text == "a <b>"


@pytest.mark.parametrize("language", sorted(code.LANGUAGES))
def test_every_language_is_known(language: str) -> None:
    sample = "x = 1\n# a 'b' <c>\n\n  y"
    assert "".join(text for _, text in code.coloured(sample, language)) == sample
    assert code._lexer(language) is not None


def test_thoughts_are_told_apart() -> None:
    for text in (
        "<think>\nHm, *so*.\n\n- a\n</think>\n\nYes.",
        "<thinking>Hm.</thinking> Yes.",
        "\n<think>\n```\n</think>\nYes.",
    ):
        blocks = rendered(text)
        assert [block.thought for block in blocks][-2:] == [True, False]
        assert Reader(blocks[-1].html).text == "Yes."
        assert "think" not in "".join(block.html for block in blocks)
    assert all(block.thought for block in rendered("<think>\nHm\n\nso"))
    assert not any(
        block.thought for block in rendered("Use the tag\n<think> for it, or `<think>`.")
    )


@pytest.mark.parametrize(
    "thought",
    ["short thought", "a\n\nb", "- a", "> a", "[a]: <b", "| a |\n|---|"],
)
def test_a_thought_that_ends_in_mid_line_ends_there(thought: str) -> None:
    text = f"<think>{thought}</think>\nThe answer.\nIts second line."
    *thoughts, answer = blocks = rendered(text)
    assert thoughts
    assert all(block.thought for block in thoughts)
    assert not any("answer" in block.html for block in thoughts)
    assert not answer.thought
    assert Reader(answer.html).text == "The answer.Its second line."
    assert_in_place(text, blocks)
    grows = Growing()
    for end in range(len(text)):
        grows.grown(text[:end])
    assert grows.settled(text) == blocks


@pytest.mark.parametrize("piece", ["<think></think>", "<think>a</think>", "<think>a</think>\n"])
def test_however_many_thoughts_there_are_all_is_shown(piece: str) -> None:
    text = piece * 2_000 + "The answer."
    assert_in_place(text, blocks := rendered(text))
    assert "The answer." in Reader(blocks[-1].html).text
    assert not blocks[-1].thought
    assert Growing().settled(text) == blocks
    assert sum(len(block.html) for block in blocks) < 12 * len(text)


def test_an_answer_that_the_parser_cannot_read_is_shown_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(source: str, env: dict[str, Any]) -> list[Token]:
        raise RecursionError

    monkeypatch.setattr(growing, "blocks_of", fails)
    text = "\n- *a* and so on\n" * 200
    (block,) = rendered(text)
    assert Reader(block.html).text.strip() == text.strip()
    assert_in_place(text, [block])
    assert len([each for each in caplog.records if each.exc_info]) == 1
    assert Growing().settled(text) == [block]
    assert rendered("\n") == []


def test_links_have_an_address_and_no_target() -> None:
    (_, attributes), *_ = [
        each for each in Reader(html_of("[a](https://b.c/?d=1&e='2')")).tags if each[0] == "a"
    ]
    assert attributes == {"data-address": "https://b.c/?d=1&e='2'", "role": "link", "tabindex": "0"}
    for text in (
        "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](data:text/html,x)", "[a](vbscript:x)",
        "<javascript:alert(1)>", "[a](/runs/)", "[a](//b.c)", "[a](https:b)", "[a](file:///etc/passwd)",
    ):  # fmt: skip
        assert "a" not in tags_of(text), text
        assert Reader(html_of(text)).text == text


def test_an_image_is_named_and_cannot_load() -> None:
    reader = Reader(html_of("![A *cat*](https://b.c/cat.png)"))
    assert reader.text == "A *cat*https://b.c/cat.png"
    assert not {"src", "href"} & {name for _, attributes in reader.tags for name in attributes}


ALLOWED = formulas.ATTRIBUTES | {
    *(
        "aria-label",
        "class",
        "data-address",
        "data-chrome",
        "data-copy-code",
        "dir",
        "display",
        "role",
        "start",
    ),
    *("tabindex", "type", "value"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_nothing_that_could_do_anything_is_left(name: str) -> None:
    for tag, attributes in Reader(html_of(ANSWERS[name])).tags:
        assert tag not in (
            "script",
            "style",
            "img",
            "svg",
            "iframe",
            "form",
            "input",
            "object",
            "embed",
            "base",
            "link",
            "meta",
        )
        assert set(attributes) <= ALLOWED, (tag, attributes)


def test_raw_html_is_shown_as_it_was_written() -> None:
    text = "<b onclick=x>bold</b> <!-- note --> <script>alert(1)</script>"
    assert Reader(html_of(text)).text == text


# --- what takes too long ----------------------------------------------------------------------------

HEAVY = {
    "deep quotations": "> " * 10_000 + "end",
    "deep lists": "".join("  " * depth + "- a\n" for depth in range(200)),
    "brackets": "[" * 50_000,
    "open links": "[a](" * 20_000,
    "stars": "*a " * 50_000,
    "a long paragraph": "**bold** and `code` " * 10_000,
    "a long table": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 10_000,
    "a wide table": "|" + "a|" * 3_000 + "\n|" + "-|" * 3_000 + "\n" + "|x\n" * 300,
    "a long formula": "$$\n" + "x^2 + " * 16_000 + "1\n$$",
    "formulas that never end": "\\[\na\n" * 5_000,
    "a line of code": "```python\n" + "x = 1; " * 15_000 + "\n```",
    "one long word": "a" * 200_000,
    "thoughts in thoughts": "<think>\n" * 5_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_what_takes_too_long_is_shown_as_it_was_written(name: str) -> None:
    text = HEAVY[name]
    blocks = rendered(text)
    assert_in_place(text, blocks)
    assert sum(len(block.html) for block in blocks) < 12 * len(text)
    shown = "".join(Reader(block.html).text for block in blocks)
    assert len(re.sub(r"\s", "", shown)) >= 0.9 * len(
        re.sub(r"\s|\\\[|```python|<think>", "", text)
    )


PATHOLOGICAL = {
    "open images": "![",
    "open brackets": "[",
    "open brackets in stars": "*[",
    "names of names": "[a][",
    "open images with addresses": "![a](",
    "open links": "[](",
    "stars": "*a ",
    "stars and lines": "*_",
    "back ticks": "`",
    "open code": "`a ``b ",
    "smaller than": "<",
    "escapes": "\\",
    "dollars": "$a ",
    "references": "[a]: b\n",
    "references without an address": "[a]:\n",
    "lists": "- a\n",
    "headings": "# \n",
    "quotations in each other": "> " * 18 + "a\n",
    "thoughts": "<think>a</think>b\n",
    "thoughts and nothing else": "<think>a</think>\n",
    "thoughts on one line": "<think></think>",
}
PILED = {name: (piece * 10_000)[:10_000] for name, piece in PATHOLOGICAL.items()} | {
    "images in images": "![" * 1_500 + "a" + "](b)" * 1_500,
    "a quotation in quotations that goes on": ">" * 19 + "a\n" + "b\n" * 5_000,
    "wide tables with short rows": (
        "|" + "a|" * 256 + "\n|" + "-|" * 256 + "\n" + "|b\n" * 256 + "\n"
    )
    * 11,
}

MOST_CALLS = {
    "open images with addresses": 400,
    "open links": 400,
    "a quotation in quotations that goes on": 350,
}


@pytest.mark.parametrize("name", PILED)
def test_no_text_takes_more_work_than_its_length_allows(name: str) -> None:
    """Counted in calls and returns of functions: prose with some Markdown takes 12 for each character, links 28."""
    text, calls = PILED[name], 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        blocks = rendered(text)
    finally:
        sys.setprofile(None)
    assert_in_place(text, blocks)
    assert calls < MOST_CALLS.get(name, 150) * len(text)


def test_a_lexer_that_computes_for_too_long_gives_no_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "```python\nif x: y()\n```"
    assert "<span" in rendered(text)[0].html
    monkeypatch.setattr(code, "MOST_S", -1.0)
    assert "<span" not in rendered(text)[0].html
    assert "if x: y()" in Reader(rendered(text)[0].html).text


def test_tables_with_short_rows_are_tables_unless_they_are_nearly_all_filled_up() -> None:
    head = "|" + "a|" * 20 + "\n|" + "-|" * 20 + "\n"
    assert rendered(head + "|b\n" * 20)[0].html.count("<td>") == 400
    head = "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n"
    assert "<table" not in rendered(head + "|b\n" * 300)[0].html


def test_a_long_answer_of_many_blocks_is_rendered_to_its_end() -> None:
    text = "Some **bold** text and `code`.\n\n" * 6_500
    blocks = rendered(text)
    assert len(blocks) == 6_500
    assert blocks[-1].html == blocks[0].html
    more = text + "x" * growing.LONGEST_TEXT
    assert rendered(more)[-1].end == len(more)


def test_a_fault_takes_no_answer_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> object:
        raise RecursionError(str(uuid4()))

    monkeypatch.setattr(growing, "drawn", fails)
    assert rendered("**a**")[0].html == '<p class="plain" dir="auto">**a**</p>'
    assert "as it was written" in caplog.text
