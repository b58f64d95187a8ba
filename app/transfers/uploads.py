"""Files that a browser sends: straight from the network into a folder of their own, which is gone when they are read.

Holds the one way by which a file gets in: `multipart/form-data`, streamed, few files, plain names of four kinds, a
bound on the bytes. Knows no store; what is done with the files is the caller's.
"""

import asyncio
import errno
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from app.files import load_mapping
from rlhb_core.errors import BadRecord, RlhbError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".txt", ".toml")
MOST_FILES = 3
"""A CSV file, its mapping, and the file that the mapping joins."""

MOST_AT_ONCE = 2

_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:.][^\x00-\x1f\x7f/\\:]*")


class TooLarge(RlhbError):
    """More bytes than are taken."""


class NoSpace(RlhbError):
    """The disk has no room for what was sent."""


class InUse(RlhbError):
    """Others are importing just now."""


class Uploads:
    """Takes files in, a few people at a time."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._going = 0

    def sweep(self) -> None:
        """Remove what a killed server left behind; nobody else uses the data folder of a server that starts."""
        for left in self.folder.glob("*"):
            shutil.rmtree(left, ignore_errors=True)

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[list[Path]]:
        """The files of a request, for as long as the block lasts. Raises RlhbError with a sentence."""
        if self._going >= MOST_AT_ONCE:
            raise InUse("other files are being imported just now; try again in a minute")
        self._check_length(request)
        self._going += 1
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                yield await self._files(request, Path(folder))
        finally:
            self._going -= 1

    def _check_length(self, request: Request) -> None:
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told) > self.most_bytes:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"an upload may have {self.most_bytes:,} bytes (RLHB_MAX_UPLOAD_BYTES); send the file in parts, "
            "or import it where the server runs: rlhb import FILE"
        )

    async def _files(self, request: Request, folder: Path) -> list[Path]:
        form, size = _Form(folder), 0
        try:
            form.begin(request.headers.get("content-type", ""))
            async for chunk in request.stream():
                size += len(chunk)
                if size > self.most_bytes:
                    raise self._too_large()
                await asyncio.to_thread(form.write, chunk)
            form.finish()
        except FormParserError:
            raise BadRecord("the upload is not multipart/form-data as it should be") from None
        except ClientDisconnect:
            raise BadRecord("the upload broke off before its end; send it again") from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise NoSpace("the disk is full: the file could not be taken") from None
        finally:
            form.close()
        return form.files


class _Form:
    """Writes each file of a form under its own name as its bytes come in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self._open: BinaryIO | None = None
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._ended = False

    def begin(self, content_type: str) -> None:
        """Be told how the parts are kept apart."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise BadRecord("files are sent as multipart/form-data")
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self.close,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(options[b"boundary"], callbacks)

    def write(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._parser.write(chunk)

    def finish(self) -> None:
        """No more bytes come."""
        self._parser.finalize()
        if not self._ended:
            raise BadRecord("the upload broke off before its end; send it again")

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _begin(self) -> None:
        self._disposition = b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        if len(self.files) == MOST_FILES:
            raise BadRecord(f"at most {MOST_FILES} files at a time")
        path = self.folder / checked(name)
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            raise BadRecord(f"{path.name} is there twice") from None
        self._open = path.open("wb")
        self.files.append(path)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        assert self._open is not None  # opened when the part's headers ended
        self._open.write(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def checked(name: str) -> str:
    """The name, if it is a plain one of a kind that is taken."""
    known = Path(name).suffix.lower() in SUFFIXES
    if not known or not _NAME.fullmatch(name) or len(name.encode()) > 200:
        raise BadRecord(f"only files with plain names that end in {', '.join(SUFFIXES)} are taken")
    return name


def sorted_out(paths: list[Path]) -> tuple[Path, Path | None]:
    """(the one file to import, its mapping); the others may be the mapping and the file that it joins."""
    mapping = next((path for path in paths if path.suffix.lower() == ".toml"), None)
    joined = load_mapping(mapping).joined if mapping else None
    rest = [path for path in paths if path != mapping and not (joined and path.name == joined.file)]
    if len(rest) != 1:
        raise BadRecord(
            "choose one file to import, and for CSV its mapping and the file that the mapping joins"
        )
    return rest[0], mapping
