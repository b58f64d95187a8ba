"""A page's events in Gradio as the browser sends and follows them, over a small HTTP client that costs little CPU.

`Connection` is a person's kept connection, `Events` the events of one page: `queue/join` starts one, `queue/data` tells
what came of it. Knows nothing of what the pages are for.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import uuid4

IDLE_S = 4.0
"""A connection that was idle for so long is not used again: servers close it after five."""


class Refused(Exception):
    """An answer that a person would call an error."""


# --- HTTP -----------------------------------------------------------------------------------------


class Connection:
    """A person's connection; opened anew when it was idle, as a browser does."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie
        self.head = (
            f"Host: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            f"Referer: http://127.0.0.1:{port}/\r\nSec-Fetch-Site: same-origin\r\n"
            "Content-Type: application/json\r\nX-Gradio-User: app\r\n"
        )
        self.used = 0.0
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> bytes:
        """The body of a 200."""
        return await self.call("GET", path)

    async def post(self, path: str, body: object) -> bytes:
        """The body of a 200."""
        return await self.call("POST", path, json.dumps(body).encode())

    async def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One request on the connection that is kept."""
        kept = self.streams is not None
        try:
            reader = await self.send(method, path, body)
            status, headers = await answer_head(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if not kept:
                raise
            reader = await self.send(
                method, path, body
            )  # it was closed meanwhile: as a browser does
            status, headers = await answer_head(reader)
        said = b"".join([piece async for piece in pieces(reader, headers)])
        self.used = time.perf_counter()
        if status != 200:
            raise Refused(f"{method} {path}: {status} {said[:200].decode(errors='replace')}")
        return said

    async def send(self, method: str, path: str, body: bytes = b"") -> asyncio.StreamReader:
        """Write a request; what comes back is to be read from the result."""
        if self.streams is None or time.perf_counter() - self.used > IDLE_S:
            self.close()
            self.streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        reader, writer = self.streams
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        writer.write(f"{method} {path} HTTP/1.1\r\n{self.head}{length}\r\n".encode() + body)
        await writer.drain()
        return reader

    def close(self) -> None:
        """Hang up."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def answer_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def pieces(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    """The body as it comes."""
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", 0)))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


# --- the page -------------------------------------------------------------------------------------


class Events:
    """The page's events in Gradio: their numbers, read from the page, and how one is followed."""

    def __init__(self, document: str) -> None:
        marker = "window.gradio_config = "
        config = json.JSONDecoder().raw_decode(document, document.index(marker) + len(marker))[0]
        found = {
            event: (number["id"], target)
            for number in config["dependencies"]
            for target, event in number["targets"]
        }
        self.numbers: dict[str, tuple[int, int]] = found
        self.prefix: str = config["api_prefix"]

    async def follow(
        self, line: Connection, event: str, data: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Trigger the event; gives the outputs as Gradio sends them: the first whole, then what has changed."""
        number, target = self.numbers[event]
        session = uuid4().hex[:11]
        wanted = {"data": [], "event_data": data, "fn_index": number, "trigger_id": target}
        await line.post(f"{self.prefix}/queue/join?", wanted | {"session_hash": session})
        stream = Connection(line.port, line.cookie)
        try:
            reader = await stream.send("GET", f"{self.prefix}/queue/data?session_hash={session}")
            status, headers = await answer_head(reader)
            if status != 200:
                raise Refused(f"queue/data: {status}")
            async for message in messages(pieces(reader, headers)):
                if message["msg"] == "close_stream":
                    return
                if message["msg"] in ("process_generating", "process_completed"):
                    if not message["success"]:
                        raise Refused(f"{event}: {message['output']}")
                    yield message
        finally:
            stream.close()


async def messages(body: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The server-sent events of a stream, parsed."""
    rest = b""
    async for piece in body:
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in whole:
            if event.startswith(b"data:"):
                yield json.loads(event[5:])


def patched(value: Any, changes: list[Any]) -> Any:
    """Gradio's changes applied: [what, path, new] each."""
    for what, path, new in changes:
        if not path:
            value = value + new if what == "append" else new
            continue
        place = value
        for key in path[:-1]:
            place = place[key]
        if what == "append":
            place[path[-1]] += new
        elif what == "delete":
            del place[path[-1]]
        elif what == "add" and isinstance(place, list):
            place.insert(path[-1], new)
        else:
            place[path[-1]] = new
    return value
