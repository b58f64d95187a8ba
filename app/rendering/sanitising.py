"""The last word on HTML: only what `drawing.py` writes on purpose, no address that loads, no name, no style. Pure."""

import nh3

from app.rendering import code, formulas

_TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "figcaption", "figure", "hr"),
    *("li", "ol", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_CLEANER = nh3.Cleaner(
    tags=_TAGS | formulas.TAGS,
    attributes={
        "*": {"data-chrome"},
        "a": {"data-address", "role", "tabindex"},
        "button": {"data-copy-code"},
        "li": {"value"},
        "math": {"display"},
        "ol": {"start", "dir"},
        "pre": {"tabindex", "dir"},
        "div": {"tabindex", "role", "aria-label"},
        "span": {"tabindex", "role", "aria-label"},
        **{tag: {"dir"} for tag in ("p", "blockquote", "ul", "table")},
        **{tag: set(formulas.ATTRIBUTES) for tag in formulas.TAGS},
    },
    tag_attribute_values={"button": {"type": {"button"}}},
    allowed_classes={
        "p": {"title", *(f"title-{level}" for level in range(1, 7)), "plain"},
        "span": {*code.NAMES, "image", "address", "task", "formula", "long", "shown", "wrong"},
        "div": {"wide", "formula"},
        "figure": {"code"},
        "ul": {"loose", "tasks"},
        "ol": {"loose"},
        "th": {"center", "right"},
        "td": {"center", "right"},
    },
    url_schemes=set(),
    link_rel=None,
)


def sanitised(html: str) -> str:
    """The HTML without anything that could do something."""
    return _CLEANER.clean(html)
