"""Files to import as text, line by line: their encoding, lines that are no text, lines without an end.

A line that cannot be read is marked rather than raised about, so that it costs no other one. Does not know what a line
says: that is `importing.py` and `csv_rows.py`.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rlhb_core.errors import BadRecord

SAMPLE = 65_536
"""Bytes at the beginning of a file by which its encoding is told."""
MAX_LINE = 16_000_000
"""Longest line taken, in characters."""
MARK = "\udcff"
"""Stands where something could not be read: no text that was read holds it."""

UNREADABLE = "holds what is no text in the encoding of the file, or is longer than any line may be"

BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # UTF-32's first: in its beginning it is like UTF-16's

codecs.register_error("rlhb-mark", lambda error: (MARK, error.end))  # type: ignore[attr-defined]


def read_lines(path: Path, encoding: str = "", newline: str = "\n") -> Iterator[str]:
    """The lines of a file, with MARK in those that cannot be read. `newline` as `open` takes it.

    Raises BadRecord, saying what the encoding seems to be, for a file none of whose lines could be read.
    """
    if not encoding:
        refuse_other(path)
    with _open(path, _known(encoding or "utf-8-sig"), newline) as file:
        while line := file.readline(MAX_LINE):
            if len(line) == MAX_LINE:
                _skip_rest(file, line)
                line = f"{MARK}\n"
            yield line


def _open(path: Path, encoding: str, newline: str) -> IO[str]:
    try:
        return path.open(encoding=encoding, errors="rlhb-mark", newline=newline)
    except OSError as error:
        raise BadRecord(f"{path.name} cannot be read: {error.strerror}") from None


def _skip_rest(file: IO[str], line: str) -> None:
    while line and line[-1] not in "\r\n":
        line = file.readline(MAX_LINE)


def _known(encoding: str) -> str:
    """The encoding by its usual name. Raises BadRecord for one that is none."""
    try:
        found = codecs.lookup(encoding)
        "".encode(found.name)  # not of text: base64 and the like
    except (LookupError, ValueError):
        raise BadRecord(
            f"there is no text encoding {encoding[:40]!r}; usual ones: utf-8, utf-16, latin-1, cp1252"
        ) from None
    return found.name


def refuse_other(path: Path) -> None:
    """Raise BadRecord if the file is not in UTF-8 as a whole, so that not one line of it could be read."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    if seems := _wide(sample):
        raise BadRecord(
            f"{path.name} seems to be {seems.upper()}, not UTF-8: save it as UTF-8, or import it with "
            f"rlhb import --encoding {seems}"
        )


def _wide(sample: bytes) -> str:
    """UTF-16 or UTF-32, if it seems to be that: text in them is full of zeros, and begins with a mark or not."""
    zeros = sample.count(0) / max(len(sample), 1)
    marked = next((name for bom, name in BOMS.items() if sample.startswith(bom)), "")
    if marked and zeros > 0.02:
        return marked
    if zeros < 0.2:
        return ""
    big = sample[0::2].count(0) > sample[1::2].count(0)
    if zeros > 0.6:
        return "utf-32-be" if sample[:1] == b"\0" else "utf-32-le"
    return "utf-16-be" if big else "utf-16-le"


def hint(path: Path, encoding: str) -> str:
    """What to do about lines that could not be read: what the file's encoding seems to be, in a sentence."""
    if encoding:
        return f"they are not {encoding}: try another --encoding"
    with path.open("rb") as file:
        text = file.read(64 * SAMPLE)
    high = bytes(byte for byte in text if byte > 0x7F)
    valid = sum(byte > 0x7F for byte in text.decode("utf-8", "ignore").encode())
    if valid > len(high) - valid:
        return "the rest of the file is UTF-8, so these are damaged"
    seems = "cp1252" if any(byte <= 0x9F for byte in high) else "latin-1"
    return (
        f"the file seems to be {'Windows-1252' if seems == 'cp1252' else 'Latin-1'}: import it again with "
        f"rlhb import --encoding {seems}, what is known already is skipped"
    )
