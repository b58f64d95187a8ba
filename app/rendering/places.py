"""Where the content of a token stands in the source. Knows lines, not Markdown.

The parser takes the marks of containers and indentation from its lines. What is left of a line is found in the source
line again, and whoever draws text checks that it says there what is shown: a place is right or there is none.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

_ODD = re.compile("[\r\0\ud800-\udfff]")


class Lines:
    """The lines of a text.

    Its `source` is what is parsed: characters that Markdown and HTML change by themselves are changed one for one.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = _even(text)
        lines = self.source.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in lines)]
        self.cells: dict[int, int] = {}

    def as_written(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of this part in which nothing was changed."""
        if self.text is self.source:
            yield begin, end
            return
        for odd in _ODD.finditer(self.text, begin, end):
            if odd.start() > begin:
                yield begin, odd.start()
            begin = odd.end()
        if end > begin:
            yield begin, end

    def span(self, first: int, after: int) -> tuple[int, int]:
        """From where to where lines reach, without white space at both ends."""
        begin = self.starts[min(first, len(self.starts) - 1)]
        end = self.starts[min(after, len(self.starts) - 1)]
        text = self.source[begin:end]
        bare = text.strip()
        begin += len(text) - len(text.lstrip())
        return begin, begin + len(bare)

    def line_at(self, place: int) -> int:
        """The number of the line in which a place is."""
        return bisect_right(self.starts, place) - 1

    def _line(self, number: int) -> tuple[int, str]:
        begin = self.starts[min(number, len(self.starts) - 1)]
        end = self.starts[min(number + 1, len(self.starts) - 1)]
        return begin, self.source[begin:end].rstrip("\n")

    def of(self, content: str, first: int, after: int = 0) -> "Content":
        """Where the lines of a content stand whose first is the source line `first`; none is before `after`."""
        found, at = [], 0
        for number, line in enumerate(content.split("\n"), first):
            begin, text = self._line(number)
            bare = line.rstrip()
            if text.rstrip().endswith(bare):
                place = begin + len(text.rstrip()) - len(bare)
            else:
                found_at = text.find(bare, max(0, after - begin))
                place = begin + found_at if found_at >= 0 else -1
            found.append((at, place))
            at += len(line) + 1
        return Content(found)

    def of_cell(self, content: str, row: int) -> "Content":
        """Where a cell of a table stands in its row; to be asked from left to right."""
        begin, text = self._line(row)
        place = text.find(content, self.cells.get(row, 0))
        if place < 0:
            return Content([(0, -1)])
        self.cells[row] = place + len(content)
        return Content([(0, begin + place)])


class Content:
    """Places in the content of a token as places in the source."""

    def __init__(self, lines: list[tuple[int, int]]) -> None:
        """lines: (where the line begins in the content, where in the source; -1 if that is not known)."""
        self.lines = lines
        self._begins = [begin for begin, _ in lines]

    def place(self, at: int) -> int:
        """The place in the source; -1 if it is not known."""
        begin, place = self.lines[max(0, bisect_right(self._begins, at) - 1)]
        return -1 if place < 0 else place + at - begin

    def after(self, count: int) -> "Content":
        """The same of the content without its first characters, all of its first line."""
        return Content([(begin - count, place) for begin, place in self.lines])


def _even(text: str) -> str:
    if not _ODD.search(text):
        return text
    ends = re.sub("\r(?!\n|\\Z)", "\n", text)  # one that ends a line by itself
    return _ODD.sub(lambda odd: " " if odd[0] == "\r" else "\N{REPLACEMENT CHARACTER}", ends)
