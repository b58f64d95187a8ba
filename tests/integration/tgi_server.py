"""A small server that speaks TGI's published protocol, for tests: what it does is told by the query's first word.

Follows the OpenAPI of text-generation-inference 2.4: POST /generate_stream (server-sent events without [DONE]),
POST /chat_tokenize, GET /info and /health, errors as {error, error_type} with 422, 424, 429 and 500.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ("Lima", " is", " the", " capital", " 🦒", ".")
ERRORS = {
    "validation": (422, "`inputs` must have less than 1024 tokens. Given: 2000"),
    "generation": (424, "Request failed during generation: CUDA error"),
    "overloaded": (429, "Model is overloaded"),
    "incomplete_generation": (500, "Incomplete generation"),
}


class TgiServer(ThreadingHTTPServer):
    """The server, with what it was asked and how it behaves."""

    daemon_threads = True

    def __init__(self, has_template: bool = False, is_tgi: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.has_template = has_template
        self.is_tgi = is_tgi
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def tgi_server(**behaviour: bool) -> Iterator[TgiServer]:
    """A running server on a free port."""
    server = TgiServer(**behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: TgiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/info" and self.server.is_tgi:
            info = {"model_id": "bigscience/bloom", "version": "2.4.1", "max_input_tokens": 1024}
            self._json(200, info)
        elif self.path == "/health":
            self._json(200, {})
        elif self.path == "/v1/models":
            self._json(200, {"object": "list", "data": [{"id": "listed-model"}]})
        else:
            self._json(404, {"error": "not found", "error_type": "unknown"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        if self.path == "/generate_stream":
            self._generate_stream(body["inputs"], body["parameters"])
        elif self.path == "/v1/chat/completions":
            self._chat(body["messages"][-1]["content"])
        elif self.path == "/chat_tokenize" and self.server.has_template:
            self._json(200, {"tokenize_response": [], "templated_text": "<s>..."})
        else:
            self._json(404, {"error": "Failed to tokenize", "error_type": "tokenizer"})

    def _generate_stream(self, inputs: str, parameters: dict[str, Any]) -> None:
        assert parameters["max_new_tokens"] >= 1
        assert parameters.get("temperature", 1.0) > 0, "TGI refuses a temperature of 0"
        what = inputs.split()[-1]
        if what in ERRORS:
            status, message = ERRORS[what]
            return self._json(status, {"error": message, "error_type": what})
        self._begin_events()
        for i, word in enumerate(WORDS):
            if i == 3 and what == "stall":
                self.server.released.wait(30)
                return None
            if i == 3 and what == "cut":
                return self._abort()
            if i == 3 and what == "end-early":
                return self._end_events()
            if i == 3 and what == "fail-late":
                self._event({"error": "CUDA error", "error_type": "generation"})
                return self._end_events()
            if i == 3 and what == "garbage":
                self._chunk(b"data: {not json\n\n")
                return self._end_events()
            token = {"id": i, "text": word, "logprob": -0.5, "special": False}
            self._event({"index": i, "token": token, "generated_text": None, "details": None})
            time.sleep(0.01)
        end = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
        reason = "length" if what == "length" else "eos_token"
        details = {"finish_reason": reason, "generated_tokens": len(WORDS), "seed": 1}
        text = "".join(WORDS)
        self._event({"index": len(WORDS), "token": end, "generated_text": text, "details": details})
        return self._end_events()

    def _chat(self, query: str) -> None:
        if query == "key":
            return self._json(401, {"error": {"message": "secret-sauce wants a key"}})
        self._begin_events()
        for word in WORDS:
            self._event(_delta({"content": word}, None))
        if query != "cut":
            self._event(_delta({}, "length" if query == "length" else "stop"))
        return self._end_events()

    def _json(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle(self) -> None:
        """A client that leaves in the middle is nothing to report."""
        with contextlib.suppress(BrokenPipeError):
            super().handle()

    def _begin_events(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, body: dict[str, Any]) -> None:
        self._chunk(b"data:" + json.dumps(body).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _end_events(self) -> None:
        self._chunk(b"")

    def _abort(self) -> None:
        """Close the connection with the body unfinished."""
        self.close_connection = True


def _delta(delta: dict[str, str], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    return {
        "id": "1",
        "created": 1,
        "model": "tgi",
        "system_fingerprint": "2.4.1",
        "object": "chat.completion.chunk",
        "choices": [choice],
    }
