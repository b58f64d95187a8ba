"""A model server that misbehaves on purpose: it speaks the OpenAI chat protocol, slowly, brokenly, or with markup.

Which of these it does is chosen by the model's name in the request: `slow`, `steady`, `broken`, `markup`.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_WORDS = [f"word{number}" for number in range(1, 41)]
SLOW_TEXT = " ".join(SLOW_WORDS)
MARKUP = 'Bold <b>claim</b> <img src="x" onerror="window.hacked = true">\n- first\n- second ${value} {{this}}'
WORD_S = {"slow": 0.1, "steady": 0.03}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "broken":
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for piece in _pieces(body["model"]):
                self._event({"content": piece}, None)
            self._event({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has gone

    def _event(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
        event = {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk"}
        self.wfile.write(f"data: {json.dumps({**event, 'choices': [choice]})}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _pieces(model: str) -> Iterator[str]:
    if model == "markup":
        yield MARKUP
        return
    for number, word in enumerate(SLOW_WORDS):
        time.sleep(WORD_S[model])
        yield word if number == 0 else f" {word}"


@contextmanager
def model_server() -> Iterator[str]:
    """The address of a running one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
