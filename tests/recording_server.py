"""A model server for tests that remembers every prompt: it speaks the OpenAI chat protocol.

Each model answers with its own name and how many questions it was asked, so that no two answers are the same. A model
called `short-N` refuses prompts of more than N words, as a server does whose model takes no more.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Chat = list[dict[str, str]]


def answer_to(model: str, chat: Chat) -> str:
    """What a model says."""
    asked = sum(message["role"] == "user" for message in chat)
    return f"{model} on question {asked}: {chat[-1]['content']}"


class RecordingServer(ThreadingHTTPServer):
    """The server, with the prompts that each model was given, in order; refused ones too."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prompts: dict[str, list[Chat]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RecordingServer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model, chat = body["model"], body["messages"]
        self.server.prompts.setdefault(model, []).append(chat)
        words = sum(len(message["content"].split()) for message in chat)
        if model.startswith("short-") and words > int(model.removeprefix("short-")):
            self.send_response(400)
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "the prompt is too long"}}')
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._event({"content": answer_to(model, chat)}, None)
        self._event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, delta: dict[str, Any], finish: str | None) -> None:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        self.wfile.write(f"data: {json.dumps({'choices': choices})}\n\n".encode())
        self.wfile.flush()


@contextmanager
def recording_server() -> Iterator[RecordingServer]:
    """A running one."""
    server = RecordingServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
