"""LaTeX as MathML, by latex2mathml; written out anew, so that nothing but the formula comes along. Pure."""

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

LONGEST = 1_000
"""Longer formulas are shown as they were written: a long one takes a tenth of a second."""

TAGS = frozenset(
    (
        *("math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom"),
        *("mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup"),
        *("mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none"),
    )
)  # fmt: skip
ATTRIBUTES = frozenset(
    (
        *("accent", "accentunder", "columnalign", "columnlines", "columnspacing", "depth", "display"),
        *("displaystyle", "fence", "form", "height", "largeop", "linethickness", "lspace", "mathvariant"),
        *("maxsize", "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace"),
        *("scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width"),
    )
)  # fmt: skip

_LIKE = {
    "align": "align*", "aligned": "split", "alignedat": "split", "eqnarray": "split", "eqnarray*": "split",
    "gather": "matrix", "gather*": "matrix", "gathered": "matrix", "multline": "matrix", "multline*": "matrix",
    "equation": "matrix", "equation*": "matrix", "dcases": "cases",
}  # fmt: skip
"""Environments that it does not know, and those that come nearest."""
_ENVIRONMENT = re.compile(rf"\\(begin|end)\s*\{{({'|'.join(map(re.escape, _LIKE))})\}}(\{{\d+\}})?")
_COMMAND = re.compile(r"\\[a-zA-Z]")
_UNSEEN = re.compile(r"\\label\s*\{[^{}]*\}|\\(?:nonumber|notag|displaystyle|limits)(?![a-zA-Z])")


@lru_cache(maxsize=1024)
def as_mathml(latex: str, display: bool) -> tuple[str, int] | None:
    """The formula as MathML, with the number of characters of its text; None if it cannot be read, or is too long."""
    if len(latex) > LONGEST:
        return None
    try:
        known = _ENVIRONMENT.sub(lambda it: f"\\{it[1]}{{{_LIKE[it[2]]}}}", _UNSEEN.sub("", latex))
        element = convert_to_element(known, display="block" if display else "inline")
        parts: list[str] = []
        length = _write(element, parts)
    except (
        Exception
    ):  # whatever is wrong with it (there are a dozen kinds), it is shown as it was written
        return None
    return "".join(parts), length


def _write(element: Element, parts: list[str]) -> int:
    """Write an element out; returns the length of its text. What is no formula loses its tag, not its text."""
    known = element.tag in TAGS
    if known:
        attributes = "".join(
            f' {name}="{html.escape(value)}"'
            for name, value in element.attrib.items()
            if name in ATTRIBUTES
        )
        parts.append(f"<{element.tag}{attributes}>")
    text = html.unescape(element.text or "")
    if _COMMAND.match(text):
        raise ValueError(f"{text} is not known")
    parts.append(html.escape(text))
    length = len(text) + sum(_write(child, parts) for child in element)
    if known:
        parts.append(f"</{element.tag}>")
    return length
