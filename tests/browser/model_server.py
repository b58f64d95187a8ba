"""A model server for tests: it speaks the OpenAI chat protocol, well, slowly, brokenly, or with markup.

Which of these it does is chosen by the model's name in the request: `able`, `brisk` and `calm` answer at once, each
something else; `echo` always says the same, `drawl` the same slowly, `pages` many paragraphs; `slow`, `steady`,
`late`, `broken`, `markup`, `hebrew`, `long` and `nothing` do as they are called; `held` stops in the middle until
`held` is set; `cut` ends at the limit of tokens, and goes on when it is given what it has said. `mirror-0`, `mirror-1`
and `mirror-2` each say a part of the question, as `asking_for` puts it together.
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
HEBREW = "הבירה של פרו היא לימה.\nThe capital of Peru is Lima."
ECHO = "The same answer as always, word for word and to the end."
CUT = ("The first half of a long answer,", " and then the second half of it.")
SAID = {
    "able": "Yes: most books agree on that, and so do I.",
    "brisk": "It depends on whom you ask. The usual answer is the one that comes to mind first.",
    "calm": "I would rather look it up before I say anything, for I have been wrong about this before.",
    "echo": ECHO,
    "markup": MARKUP,
    "hebrew": HEBREW,
    "nothing": "",
    "long": " ".join(f"word{number}" for number in range(1_200)),
}
PAGES = "\n\n".join(
    f"**Part {part}** " + " ".join(f"word{part}.{word}" for word in range(12))
    for part in range(1, 9)
)
BETWEEN = "\n%%%\n"
held = threading.Event()
"""While it is clear, `held` does not get beyond the middle of its answer."""
WORD_S = {"held": 0.0, "slow": 0.1, "steady": 0.03, "drawl": 0.1, "pages": 0.03}


def asking_for(*answers: str) -> str:
    """A question to which the mirrors give these answers."""
    return BETWEEN.join(answers)


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
            pieces, finish = _pieces(body["model"]), "stop"
            if body["model"].startswith("mirror"):
                parts = body["messages"][-1]["content"].split(BETWEEN)
                pieces = iter(parts[int(body["model"][-1]) :][:1])
            if body["model"] == "cut":
                goes_on = any(CUT[0] in message["content"] for message in body["messages"])
                pieces, finish = (iter([CUT[1]]), "stop") if goes_on else (iter([CUT[0]]), "length")
            for piece in pieces:
                self._event({"content": piece}, None)
            self._event({}, finish)
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
    if model in SAID:
        yield SAID[model]
        return
    if model == "late":
        time.sleep(2)
        yield "Better late than never."
        return
    words = {"drawl": ECHO.split(), "pages": PAGES.split(" ")}.get(model, SLOW_WORDS)
    for number, word in enumerate(words):
        time.sleep(WORD_S[model])
        if model == "held" and number == len(words) // 2:
            held.wait()
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
