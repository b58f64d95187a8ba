"""What the people of the mixed benchmark make of a stream of Gradio's."""

import asyncio
from collections.abc import AsyncIterator

from tests.bench.page_events import Events, messages, patched


def test_events_are_read_from_the_page() -> None:
    config = (
        '{"api_prefix": "/gradio_api", "dependencies": '
        '[{"id": 4, "targets": [[57, "ask"]]}, {"id": 5, "targets": [[57, "restore"]]}]}'
    )
    events = Events(f"<script>window.gradio_config = {config};</script><p>}};</p>")
    assert events.numbers == {"ask": (4, 57), "restore": (5, 57)}
    assert events.prefix == "/gradio_api"


def test_messages_may_come_in_any_pieces() -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in (b'data: {"msg": "a"', b"}\n\nda", b'ta: {"msg": "b"}\n\n: ping\n\n'):
            yield piece

    async def told() -> list[object]:
        return [each["msg"] async for each in messages(body())]

    assert asyncio.run(told()) == ["a", "b"]


def test_changes_are_applied_to_the_snapshot_before() -> None:
    view = {"panels": [{"text": "", "outcome": "pending"}, {"text": "Ro"}], "gone": 1}
    changes = [
        ["append", ["panels", 1, "text"], "me"],
        ["replace", ["panels", 0, "outcome"], "ok"],
        ["add", ["panels", 2], {"text": "new"}],
        ["delete", ["gone"], None],
    ]
    assert patched(view, changes) == {
        "panels": [{"text": "", "outcome": "ok"}, {"text": "Rome"}, {"text": "new"}]
    }
