"""A client as the browser is one: it keeps every signal until the server has acknowledged it, and tries again."""

import http.client
import json
import threading
import time
from uuid import UUID, uuid4

from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response
from tests.server import ServerProcess

Story = tuple[Person, Query, Response]


class OutboxClient(threading.Thread):
    """Makes one signal after another and sends what is waiting, a few at a time, until all are acknowledged."""

    def __init__(self, server: ServerProcess, story: Story) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.person, self.query, self.response = story
        self.page, self.opened = str(uuid4()), now_ms()
        self.made: list[UUID] = []
        self.acknowledged: list[UUID] = []
        self.refused: list[str] = []
        self.retries = 0
        self._waiting: list[dict[str, object]] = []
        self._closing = threading.Event()

    def run(self) -> None:
        """Work until closed and empty."""
        connection: http.client.HTTPConnection | None = None
        headers = {"Cookie": self.server.cookie(self.person.id)}
        while not (self._closing.is_set() and not self._waiting):
            if not self._closing.is_set():
                self._waiting += [self._signal() for _ in range(3)]
            batch = self._waiting[:20]
            body = json.dumps({"sent_ms": now_ms(), "signals": batch}).encode()
            try:
                connection = connection or self.server.connection(timeout_s=10)
                connection.request("POST", "/api/signals", body, headers)
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                self.retries += 1
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self._waiting = self._waiting[len(batch) :]
                self.acknowledged += [UUID(str(each["id"])) for each in batch]
            elif answer.status >= 500:
                self.retries += 1
                time.sleep(0.05)
            else:
                self.refused.append(f"{answer.status}: {said.decode()}")
                break
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Make no further signals; wait until the last one is acknowledged."""
        self._closing.set()
        self.join(timeout=60)

    def _signal(self) -> dict[str, object]:
        signal_id = uuid4()
        self.made.append(signal_id)
        return {
            "id": str(signal_id),
            "kind": "dwell",
            "query_id": str(self.query.id),
            "response_id": str(self.response.id),
            "at_ms": now_ms(),
            "page_id": self.page,
            "page_opened_ms": self.opened,
            "payload": {"ms": 0},
        }
