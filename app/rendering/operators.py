"""Texts of operators, such as guidelines, as HTML that can do nothing: no raw HTML, and sanitised behind that.

Unlike an answer they have headings and links that lead somewhere, and no places: nobody marks words in them. Pure.
"""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

_TAGS = {
    *("a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_BOXES = {"[ ] ": "\N{BALLOT BOX} ", "[x] ": "\N{BALLOT BOX WITH CHECK} "}


def _tick(state: StateCore) -> None:
    """What begins an entry of a list with a box in brackets is a task, as it is in an answer."""
    for item, _, words in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type != "list_item_open" or not words.children:
            continue
        first = words.children[0]
        if first.type == "text" and (box := _BOXES.get(first.content[:4].lower())):
            first.content = box + first.content[4:]


_renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
_renderer.core.ruler.push("tasks", _tick)


@lru_cache(maxsize=64)
def text_of_operator(text: str) -> str:
    """The text as HTML, made once for all who read it.

    Links open elsewhere and tell nobody from where; there are no images and no styles.
    """
    return nh3.clean(
        _renderer.render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
