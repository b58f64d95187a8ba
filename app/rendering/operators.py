"""Texts of operators, such as guidelines, as HTML that can do nothing: no raw HTML, and sanitised behind that.

Unlike an answer they have headings and links that lead somewhere, and no places: nobody marks words in them. Pure.
"""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

_TAGS = {
    *("a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_renderer = MarkdownIt("commonmark", {"html": False}).enable("table")


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
